//! What the user last asked before a block.

use super::block::{Block, BlockKind, Conversation, Role, Text};

impl Conversation {
    /// What the user last asked before each block, for all blocks in one pass: the texts of one message that follow one
    /// another, joined by line breaks. A user text itself gets what came before the texts that it stands among.
    #[must_use]
    pub fn questions(&self) -> Vec<Option<Text>> {
        let mut questions = Vec::with_capacity(self.blocks.len());
        let mut current = None;
        for run in self.blocks.chunk_by(same_question) {
            questions.extend(std::iter::repeat_n(current.clone(), run.len()));
            if let Some(question) = joined(run) {
                current = Some(question);
            }
        }
        questions
    }

    /// What the user last asked before the block at `index`, as [`Conversation::questions`] says.
    #[must_use]
    pub fn question_before(&self, index: usize) -> Option<Text> {
        let end = (index + 1).min(self.blocks.len());
        self.blocks[..end].chunk_by(same_question).rev().skip(1).find_map(joined)
    }
}

fn is_user_text(block: &Block) -> bool {
    block.role == Role::User && block.kind == BlockKind::Text
}

/// Whether two neighbours belong to one question.
fn same_question(a: &Block, b: &Block) -> bool {
    is_user_text(a) && is_user_text(b) && a.message == b.message
}

/// The question that a run of neighbours is, if it is one.
fn joined(run: &[Block]) -> Option<Text> {
    match run {
        [] => None,
        [first, ..] if !is_user_text(first) => None,
        [only] => Some(only.text.clone()),
        several => Some(Text::new(several.iter().map(|block| &*block.text).collect::<Vec<_>>().join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::conversation;

    #[test]
    fn is_the_last_user_text_before_the_block() {
        let conversation = conversation(
            r#"[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]},
            {"role":"assistant","content":"c"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"},
            {"type":"text","text":"d"},{"type":"tool_result","tool_use_id":"2","content":"q"}]},{"role":"user","content":"e"},{"role":"user","content":"f"}]"#,
        )
        .unwrap();
        let questions = conversation.questions();
        let texts: Vec<_> = questions.iter().map(|question| question.as_deref()).collect();
        let ab = Some("a\nb");
        assert_eq!(texts, [None, None, None, ab, ab, ab, Some("d"), Some("d"), Some("e")]);
        for (index, question) in questions.iter().enumerate() {
            assert_eq!(conversation.question_before(index).as_deref(), question.as_deref(), "{index}");
        }
        assert!(conversation.question_before(99).is_some());
    }
}
