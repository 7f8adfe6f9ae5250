//! The outline of a file: its functions, types, comments and long values with the lines that they take.

use std::ops::Range;

use tree_sitter::{Node, Tree};

use super::super::lines::Lines;
use super::kinds::{Role, Roles};

/// A part of a file that takes several lines.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) role: Role,
    /// The item around it.
    pub(super) parent: Option<usize>,
    /// All its lines.
    pub(super) rows: Range<usize>,
    /// The lines that a reader who knows the head can do without; empty when there are none, or when the parser lost its
    /// way and the layout does not show where they end.
    pub(super) body: Range<usize>,
    /// Where its head ends: before its own first words, which stay out of the body.
    pub(super) head_end: usize,
    /// Its name without what it belongs to; empty when it has none.
    pub(super) name: String,
}

/// Longer names are not names.
const MAX_NAME_BYTES: usize = 200;

/// How many nodes up a value may find its name: `const f = memo(() => …)` has three.
const NAME_REACH: usize = 4;

/// Lists the items of a tree, each before what is in it.
pub(super) fn outline(tree: &Tree, code: &str) -> Vec<Item> {
    let Some(lines) = Lines::of(code) else { return Vec::new() };
    let mut outline = Outline { roles: Roles::of(tree), code, lines, items: Vec::new() };
    let mut cursor = tree.walk();
    let mut above: Vec<(Node<'_>, Option<usize>)> = Vec::new();
    loop {
        let node = cursor.node();
        let parent = above.last().and_then(|(_, item)| *item);
        let item = outline.visit(node, &above, parent);
        // What lies within one line has nothing to leave out.
        if node.start_position().row < node.end_position().row && cursor.goto_first_child() {
            above.push((node, item.or(parent)));
            continue;
        }
        while !cursor.goto_next_sibling() {
            above.pop();
            if !cursor.goto_parent() {
                return outline.items;
            }
        }
    }
}

struct Outline<'t> {
    roles: Roles,
    code: &'t str,
    lines: Lines<'t>,
    items: Vec<Item>,
}

impl Outline<'_> {
    /// Lists a node when it is an item; gives its place.
    fn visit(&mut self, node: Node<'_>, above: &[(Node<'_>, Option<usize>)], parent: Option<usize>) -> Option<usize> {
        let rows = rows(node);
        let role = match self.roles.get(node.kind_id()) {
            Role::Other if is_docstring(node) => Role::Comment,
            Role::Literal if above.last().is_some_and(|(node, _)| is_docstring(*node)) => return None,
            role => role,
        };
        if role == Role::Comment {
            return self.visit_comment(node, rows, parent);
        }
        if role == Role::Other || rows.len() < 2 {
            return None;
        }
        let (head_end, mut body) = match role {
            Role::Function => self.body(node, &rows),
            Role::Type => (rows.start + 1, rows.start + 1..rows.end),
            _ => (rows.start + 1, rows.start + 1..self.without_tail(&rows)),
        };
        if node.has_error() && !self.layout_holds(rows.start, &body) {
            body = body.start..body.start;
        }
        let name = self.name(node, above);
        self.items.push(Item { role, parent, rows, body, head_end, name });
        Some(self.items.len() - 1)
    }

    /// Comments that follow each other line by line are one.
    fn visit_comment(&mut self, node: Node<'_>, rows: Range<usize>, parent: Option<usize>) -> Option<usize> {
        let before = self.lines.get(rows.start).get(..node.start_position().column)?;
        if !before.trim().is_empty() {
            return None;
        }
        if let Some(last) = self.items.last_mut()
            && last.role == Role::Comment
            && last.parent == parent
            && last.rows.end == rows.start
        {
            last.rows.end = rows.end;
            last.body.end = rows.end;
            return None;
        }
        let end = rows.end;
        let shown = self.first_words(rows.clone()).min(end);
        let head_end = rows.start;
        self.items.push(Item { role: Role::Comment, parent, rows, body: shown..end, head_end, name: String::new() });
        Some(self.items.len() - 1)
    }

    /// Where the lines after the first words of a comment start.
    fn first_words(&self, rows: Range<usize>) -> usize {
        const MIN_LETTERS: usize = 3;
        let says = |row: &usize| self.lines.get(*row).chars().filter(|c| c.is_alphanumeric()).count() >= MIN_LETTERS;
        rows.clone().take(4).find(says).unwrap_or(rows.start) + 1
    }

    /// Where the head of a function ends, and its lines behind that and behind its own first words.
    fn body(&self, node: Node<'_>, rows: &Range<usize>) -> (usize, Range<usize>) {
        let mut head_end = rows.start + 1;
        let mut body = None;
        let mut cursor = node.walk();
        let mut more = cursor.goto_first_child();
        while more && body.is_none() {
            let child = cursor.node();
            if cursor.field_name() == Some("body") || matches!(child.kind(), "block" | "compound_statement") {
                body = Some(child);
            } else if self.roles.get(child.kind_id()) != Role::Comment && node.kind() != "macro_definition" {
                head_end = head_end.max(self::rows(child).end);
            }
            more = cursor.goto_next_sibling();
        }
        let docstring = body.and_then(|body| body.named_child(0)).filter(|first| is_docstring(*first));
        let said = docstring.map_or(head_end, |docstring| self.first_words(self::rows(docstring)).max(head_end));
        let start = if body.is_none() && node.kind() != "macro_definition" { rows.end } else { said };
        (head_end, start..self.without_tail(rows).max(start))
    }

    /// The end of lines without a last one that holds more than what closes them.
    fn without_tail(&self, rows: &Range<usize>) -> usize {
        let last = self.lines.get(rows.end.saturating_sub(1));
        let closes = last.trim_matches(|c: char| c.is_whitespace() || "{}[]();,`\"'".contains(c));
        let is_inside = || indent(last).len() > indent(self.lines.get(rows.start)).len();
        let is_whole = matches!(closes, "" | "end" | "fi" | "done" | "esac" | "EOF") || is_inside();
        if is_whole { rows.end } else { rows.end - 1 }
    }

    /// Whether every line between is indented more than the head and the last line as much as it: then it is a body
    /// whatever the parser makes of what is in it.
    fn layout_holds(&self, head: usize, body: &Range<usize>) -> bool {
        let margin = indent(self.lines.get(head));
        let deeper = |row: usize| {
            let line = self.lines.get(row);
            let own = indent(line);
            let text = line.get(own.len()..).unwrap_or_default();
            text.is_empty() || text.starts_with('#') || (own.len() > margin.len() && own.starts_with(margin))
        };
        let Some(last) = body.end.checked_sub(1).filter(|last| *last >= body.start) else { return false };
        let opens = |row: usize| self.lines.get(row).trim() == "{";
        let closes = self.lines.get(last).trim_end().strip_prefix(margin).is_some_and(|text| text.starts_with('}'));
        (closes || deeper(last)) && (body.start..last).all(|row| deeper(row) || (row == body.start && opens(row)))
    }

    /// What a definition is called: its own name, or that of what it is assigned to.
    fn name(&self, node: Node<'_>, above: &[(Node<'_>, Option<usize>)]) -> String {
        let own = node.child_by_field_name("name").or_else(|| declared(node));
        let own = own.or_else(|| node.child_by_field_name("type").filter(|_| node.kind() == "impl_item"));
        let holder = || {
            let near = above.iter().rev().take(NAME_REACH).map(|(node, _)| *node);
            near.take_while(|node| {
                !matches!(node.kind(), "statement_block" | "block" | "class_body" | "declaration_list")
            })
            .find_map(name_of_holder)
        };
        let own = own.filter(|_| node.kind() != "accessor_declaration").or_else(holder);
        let text = own.and_then(|name| self.code.get(name.byte_range())).unwrap_or_default();
        if text.len() > MAX_NAME_BYTES {
            return String::new();
        }
        let last = text.rsplit(['.', ':']).next().unwrap_or_default();
        let last = last.split(['<', '(', '[']).next().unwrap_or_default();
        last.trim_matches(|c: char| c.is_whitespace() || "\"'`*&".contains(c)).to_owned()
    }
}

/// The lines of a node.
fn rows(node: Node<'_>) -> Range<usize> {
    let (start, end) = (node.start_position(), node.end_position());
    // Some nodes end with the line break.
    let last = if end.column == 0 && end.row > start.row { end.row - 1 } else { end.row };
    start.row..last + 1
}

fn indent(line: &str) -> &str {
    line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
}

/// Whether a node is a statement that is nothing but a string.
fn is_docstring(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.child_count() == 1
        && node.child(0).is_some_and(|child| child.kind() == "string")
}

/// The innermost declarator, which is the name in C and C++.
fn declared(node: Node<'_>) -> Option<Node<'_>> {
    let mut declarator = node.child_by_field_name("declarator")?;
    // As deep as people nest them: a pointer to a function that returns one.
    for _ in 0..12 {
        match declarator.child_by_field_name("declarator") {
            Some(inner) => declarator = inner,
            None => break,
        }
    }
    Some(declarator)
}

/// The name of what a value is given to.
fn name_of_holder(node: Node<'_>) -> Option<Node<'_>> {
    let field = match node.kind() {
        "variable_declarator"
        | "const_item"
        | "static_item"
        | "const_spec"
        | "var_spec"
        | "property_declaration"
        | "public_field_definition"
        | "const_element"
        | "variable_assignment" => "name",
        "assignment_expression" | "assignment" | "short_var_declaration" => "left",
        "pair" | "keyed_element" => "key",
        "field_definition" => "property",
        "init_declarator" => return declared(node),
        _ => return None,
    };
    node.child_by_field_name(field)
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::parse::parse;
    use super::*;

    /// Each function as `name first-last` of its body, lines counted from 1.
    fn functions(language: Language, code: &str) -> Vec<String> {
        let items = outline(&parse(code, language).unwrap(), code);
        let shown = items.iter().filter(|item| item.role == Role::Function);
        shown.map(|item| format!("{} {}-{}", item.name, item.body.start + 1, item.body.end)).collect()
    }

    #[test]
    fn heads_and_first_words_are_no_body() {
        let code = "class A:\n    def f(self,\n          x):\n        \"\"\"Does it.\n\n        More.\n        \"\"\"\n        a = 1\n        return a\n\n    def g(self): return 1\n";
        assert_eq!(functions(Language::Python, code), ["f 5-9"]);
        let code = "/// Adds.\nfn add(\n    a: u8,\n) -> u8\nwhere\n    u8: Copy,\n{\n    a\n}\n";
        assert_eq!(functions(Language::Rust, code), ["add 7-9"]);
        let code = "static int *\nfind(const char *s)\n{\n  return 0;\n}\nint A::B::go() {\n  return 1;\n}\n";
        assert_eq!(functions(Language::Cpp, code), ["find 3-5", "go 7-8"]);
        let code = "func (s *Server) Run(ctx Ctx) error {\n\tx := 1\n\treturn nil\n}\n";
        assert_eq!(functions(Language::Go, code), ["Run 2-4"]);
        let code = "module A\n  def self.call(a)\n    b\n    c\n  end\nend\n";
        assert_eq!(functions(Language::Ruby, code), ["call 3-5"]);
        let code = "deploy() {\n  local a=1\n  echo $a\n}\n";
        assert_eq!(functions(Language::Bash, code), ["deploy 2-4"]);
        let code = "<?php\nclass A {\n  public function run(int $x): int {\n    return $x;\n  }\n}\n";
        assert_eq!(functions(Language::Php, code), ["run 4-5"]);
        let code = "class A {\n  A(int x) {\n    this.x = x;\n  }\n  static {\n    y = 1;\n  }\n}\n";
        assert_eq!(functions(Language::Java, code), ["A 3-4", " 6-7"]);
        let code = "class A {\n  int X {\n    get {\n      return 1;\n    }\n  }\n}\n";
        assert_eq!(functions(Language::CSharp, code), ["X 4-5"]);
    }

    #[test]
    fn functions_without_a_name_have_that_of_what_they_are_given_to() {
        let code = "const load = async (a) => {\n  return a;\n};\nFoo.prototype.bar = function () {\n  return 1;\n};\nexports.x = {\n  b: function () {\n    go();\n  },\n  c() {\n    go();\n  },\n};\nit('works', () => {\n  go();\n}, 10);\nclass D {\n  e = () => {\n    go();\n  };\n}\n";
        let found = functions(Language::JavaScript, code);
        assert_eq!(found, ["load 2-3", "bar 5-6", "b 9-10", "c 12-13", " 16-16", "e 20-21"]);
        assert_eq!(functions(Language::TypeScript, code), found);
    }

    #[test]
    fn comments_line_by_line_are_one_and_keep_their_first_words() {
        let code = "// One.\n// Two.\n\n/*\n * Three.\n * Four.\n */\nint x; // five\n// six\n";
        let items = outline(&parse(code, Language::C).unwrap(), code);
        let bodies: Vec<_> = items.iter().map(|item| item.body.clone()).collect();
        assert_eq!(bodies, [1..2, 5..7, 9..9]);
    }

    #[test]
    fn a_body_with_an_error_in_it_needs_a_layout_that_shows_its_end() {
        let good = "int f(void) {\n    if (a b c !!) {\n        x = ;\n    }\n}\n";
        assert_eq!(functions(Language::C, good), ["f 2-5"]);
        let bad = "int f(void) {\n    if (a) {\nint g(void) {\n    return 1;\n}\n";
        assert!(functions(Language::C, bad).iter().all(|found| !found.starts_with("f 2-5")));
    }
}
