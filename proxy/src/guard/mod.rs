//! Who may ask: the right host, the right origin, the right token.

mod cookie;
mod origin;
mod token;

pub(crate) use origin::Origins;
pub(crate) use token::Token;
