//! What the nodes of the grammars stand for, whatever the language.

use tree_sitter::Tree;

/// What a node is for a reader who wants to see the shape of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Something with a body that runs: a function, a method, a closure, a block that is handed on.
    Function,
    /// Something with members: a class, an interface, a module, an implementation.
    Type,
    /// A comment, or a string that stands for one.
    Comment,
    /// A value that is spelled out: a list, an object, a long string.
    Literal,
    /// A statement with statements in it.
    Statement,
    /// Anything else.
    Other,
}

/// The role of a kind of node. Grammars of one family use the same names, so that one table serves all.
fn role(kind: &str) -> Role {
    match kind {
        "function_definition"
        | "function_declaration"
        | "generator_function_declaration"
        | "generator_function"
        | "function_expression"
        | "arrow_function"
        | "method_definition"
        | "method_declaration"
        | "constructor_declaration"
        | "compact_constructor_declaration"
        | "destructor_declaration"
        | "operator_declaration"
        | "conversion_operator_declaration"
        | "accessor_declaration"
        | "local_function_statement"
        | "lambda_expression"
        | "anonymous_function"
        | "property_hook"
        | "static_initializer"
        | "class_static_block"
        | "function_item"
        | "closure_expression"
        | "macro_definition"
        | "func_literal"
        | "method"
        | "singleton_method"
        | "do_block" => Role::Function,
        "class_definition"
        | "class_declaration"
        | "abstract_class_declaration"
        | "class_specifier"
        | "struct_specifier"
        | "union_specifier"
        | "enum_specifier"
        | "class"
        | "singleton_class"
        | "module"
        | "internal_module"
        | "struct_item"
        | "union_item"
        | "enum_item"
        | "trait_item"
        | "impl_item"
        | "mod_item"
        | "interface_declaration"
        | "enum_declaration"
        | "record_declaration"
        | "struct_declaration"
        | "trait_declaration"
        | "annotation_type_declaration"
        | "namespace_declaration"
        | "namespace_definition"
        | "type_alias_declaration"
        | "type_declaration"
        | "type_definition" => Role::Type,
        "comment" | "line_comment" | "block_comment" => Role::Comment,
        "array"
        | "object"
        | "dictionary"
        | "list"
        | "set"
        | "tuple"
        | "initializer_list"
        | "composite_literal"
        | "array_initializer"
        | "array_creation_expression"
        | "initializer_expression"
        | "hash"
        | "array_expression"
        | "string"
        | "string_literal"
        | "raw_string_literal"
        | "interpreted_string_literal"
        | "template_string"
        | "concatenated_string"
        | "verbatim_string_literal"
        | "heredoc_body"
        | "heredoc"
        | "nowdoc_string"
        | "string_array"
        | "symbol_array"
        | "token_tree" => Role::Literal,
        "if_statement" | "for_statement" | "while_statement" | "try_statement" | "with_statement"
        | "case_statement" | "switch_statement" | "match_statement" | "do_statement" | "for_in_statement"
        | "foreach_statement" => Role::Statement,
        _ => Role::Other,
    }
}

/// The roles of a grammar's kinds, by the number of the kind.
pub(super) struct Roles(Vec<Role>);

impl Roles {
    pub(super) fn of(tree: &Tree) -> Self {
        let language = tree.language();
        let kinds = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
        let role_of = |kind| language.node_kind_for_id(kind).filter(|_| language.node_kind_is_named(kind));
        Self((0..kinds).map(|kind| role_of(kind).map_or(Role::Other, role)).collect())
    }

    pub(super) fn get(&self, kind: u16) -> Role {
        self.0.get(usize::from(kind)).copied().unwrap_or(Role::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::{ALL, Language};
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn every_grammar_has_functions_comments_and_values() {
        for language in ALL {
            let roles = Roles::of(&parse("", language).unwrap()).0;
            let has = |role| roles.contains(&role);
            assert!(has(Role::Function) && has(Role::Comment) && has(Role::Literal), "{language:?}");
            assert!(has(Role::Type) || matches!(language, Language::Bash), "{language:?}");
        }
    }
}
