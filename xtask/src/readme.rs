//! Code blocks of a Markdown text.

/// The contents of all fenced blocks whose language is exactly `language`, in order.
pub(crate) fn code_blocks(markdown: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            if line == opening {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_the_language_are_taken() {
        let text = "a\n```sh\n```\n```python\nx = 1\n\ny = 2\n```\n```pythonic\nno\n```\n";
        assert_eq!(code_blocks(text, "python"), ["x = 1\n\ny = 2\n"]);
    }
}
