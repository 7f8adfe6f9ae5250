//! What passes is the same wherever it is cut: bodies, streams and frames, in two pieces at every byte position, through a
//! real proxy. Each second piece is sent when the far end has all that it can have of the first.

mod answers;
mod broken_off;
mod cases;
mod peer;
mod requests;
mod sockets;
