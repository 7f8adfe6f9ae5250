//! Which of the requests on a WebSocket a message of the upstream answers.

use std::collections::VecDeque;

/// Requests that wait for their answers at most; of those beyond, the oldest are forgotten.
///
/// # Sources
/// Chosen by hand: the upstream answers one after the other.
const MOST_TURNS: usize = 64;

/// Ids of answers that are over, as far as they are remembered.
///
/// # Sources
/// Chosen by hand.
const MOST_PAST: usize = 32;

/// Requests without the end of their answers, oldest first.
///
/// Answers name themselves when they begin and when they end, not in between, and no answer names its request. So an
/// answer that begins is that of the oldest request that has none. An answer that nobody has asked for, or whose request is
/// over, is nobody's until its end: it is never taken for that of the next request.
#[derive(Debug)]
pub(super) struct Turns<T> {
    turns: VecDeque<Turn<T>>,
    /// The answer that began last and has not ended.
    current: Option<String>,
    past: VecDeque<String>,
}

#[derive(Debug)]
struct Turn<T> {
    /// The id of its answer, once that has begun.
    id: Option<String>,
    asked: T,
}

/// Whose a message is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credit<'t, T> {
    Nobodys,
    Part(&'t mut T),
    /// The last of its answer.
    End(T),
}

/// What a message is to the answer that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Begins,
    Goes,
    Ends,
    Fails,
}

impl Role {
    /// The role of a message with a type.
    ///
    /// # Sources
    /// The events of the Responses API; `response.done` ends answers of older servers.
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => Self::Begins,
            "response.completed"
            | "response.failed"
            | "response.incomplete"
            | "response.cancelled"
            | "response.done" => Self::Ends,
            "error" => Self::Fails,
            _ => Self::Goes,
        }
    }
}

impl<T> Turns<T> {
    pub(super) fn new() -> Self {
        Self { turns: VecDeque::new(), current: None, past: VecDeque::new() }
    }

    /// Adds a request that is sent; gives back the oldest when there are too many.
    pub(super) fn ask(&mut self, asked: T) -> Option<T> {
        self.turns.push_back(Turn { id: None, asked });
        if self.turns.len() <= MOST_TURNS { None } else { self.end(0) }
    }

    /// Whether nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whose a message is that has this role and is about the response with this id.
    pub(super) fn hear(&mut self, role: Role, id: Option<String>) -> Credit<'_, T> {
        let at = match role {
            Role::Begins => self.of_beginning(id),
            Role::Goes => self.current.as_ref().and_then(|current| self.with(current)),
            Role::Ends => self.of_ending(id),
            Role::Fails => self.of_failing(),
        };
        let Some(at) = at else { return Credit::Nobodys };
        if matches!(role, Role::Ends | Role::Fails) {
            return self.end(at).map_or(Credit::Nobodys, Credit::End);
        }
        self.turns.get_mut(at).map_or(Credit::Nobodys, |turn| Credit::Part(&mut turn.asked))
    }

    /// All that wait.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = T> {
        self.turns.into_iter().map(|turn| turn.asked)
    }

    fn with(&self, id: &str) -> Option<usize> {
        self.turns.iter().position(|turn| turn.id.as_deref() == Some(id))
    }

    fn without_answer(&self) -> Option<usize> {
        self.turns.iter().position(|turn| turn.id.is_none())
    }

    fn of_beginning(&mut self, id: Option<String>) -> Option<usize> {
        let id = id?;
        let at = self.with(&id).or_else(|| self.without_answer().filter(|_| !self.past.contains(&id)));
        match at.and_then(|at| self.turns.get_mut(at)) {
            Some(turn) => turn.id = Some(id.clone()),
            None => self.remember(id.clone()),
        }
        self.current = Some(id);
        at
    }

    fn of_ending(&mut self, id: Option<String>) -> Option<usize> {
        let Some(id) = id else {
            return self.current.take().map_or_else(|| self.without_answer(), |id| self.with(&id));
        };
        if self.current.as_ref() == Some(&id) {
            self.current = None;
        }
        if self.past.contains(&id) {
            return None;
        }
        let at = self.with(&id).or_else(|| self.without_answer());
        self.remember(id);
        at
    }

    /// An error names nothing. Beside an answer that goes on it is about the request behind: the upstream takes one at a
    /// time.
    fn of_failing(&self) -> Option<usize> {
        self.without_answer().or_else(|| self.current.as_ref().and_then(|current| self.with(current)))
    }

    fn end(&mut self, at: usize) -> Option<T> {
        let turn = self.turns.remove(at)?;
        if let Some(id) = turn.id {
            self.remember(id);
        }
        Some(turn.asked)
    }

    fn remember(&mut self, id: String) {
        if self.past.contains(&id) {
            return;
        }
        self.past.push_back(id);
        if self.past.len() > MOST_PAST {
            self.past.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script of `?a` (a is asked), `(id`, `id)`, `-` (goes on) and `!` (an error), and whose each message is.
    fn play(script: &str) -> String {
        let mut turns = Turns::new();
        let mut credits = Vec::new();
        for word in script.split(' ') {
            let (role, id) = match word.split_at(1) {
                ("?", name) => {
                    turns.ask(name.to_owned());
                    continue;
                }
                ("(", id) => (Role::Begins, Some(id)),
                ("-", _) => (Role::Goes, None),
                ("!", _) => (Role::Fails, None),
                _ => (Role::Ends, word.strip_suffix(')').filter(|id| !id.is_empty())),
            };
            credits.push(match turns.hear(role, id.map(str::to_owned)) {
                Credit::Nobodys => "_".to_owned(),
                Credit::Part(asked) => asked.clone(),
                Credit::End(asked) => format!("{asked}."),
            });
        }
        credits.join(" ")
    }

    #[test]
    fn answers_one_after_the_other_are_those_of_the_requests_in_order() {
        assert_eq!(play("?a (1 - (1 - 1) ?b - (2 - 2)"), "a a a a a. _ b b b.");
        assert_eq!(play("?a ?b (1 - 1) (2 - 2)"), "a a a. b b b.");
        assert_eq!(play("?a 1) ?b 2)"), "a. b.");
        assert_eq!(play("?a (1 - )"), "a a a.");
    }

    #[test]
    fn an_answer_of_nobody_is_not_taken_for_that_of_the_next_request() {
        assert_eq!(play("(0 ?a - 0) (1 - 1)"), "_ _ _ a a a.");
        assert_eq!(play("?a (1 1) ?b - 1) (1 (2 2)"), "a a. _ _ _ b b.");
    }

    #[test]
    fn an_error_is_that_of_the_request_that_was_not_taken() {
        assert_eq!(play("?a ! ?b (2 2)"), "a. b b.");
        assert_eq!(play("?a (1 - !"), "a a a.");
        assert_eq!(play("?a (1 ?b ! - 1) !"), "a b. a a. _");
    }

    #[test]
    fn of_too_many_requests_the_oldest_are_forgotten() {
        let mut turns = Turns::new();
        let forgotten: Vec<_> = (0..MOST_TURNS + 2).filter_map(|number| turns.ask(number)).collect();
        assert_eq!(forgotten, [0, 1]);
        assert_eq!(turns.hear(Role::Begins, Some("r".into())), Credit::Part(&mut 2));
    }
}
