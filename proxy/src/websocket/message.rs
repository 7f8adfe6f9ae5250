//! Text messages out of their frames.

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::frame::{Fault, Frame};

/// What a held frame takes beside its bytes.
const FRAME_BYTES: usize = size_of::<Frame>();

/// A text message.
#[derive(Debug)]
pub(super) struct Message {
    /// In order; one, unless it came in pieces.
    pub(super) frames: Vec<Frame>,
}

impl Message {
    /// What it says.
    pub(super) fn payload(&self) -> Bytes {
        match &*self.frames {
            [frame] => frame.payload(),
            frames => {
                let mut bytes = BytesMut::new();
                frames.iter().for_each(|frame| bytes.extend_from_slice(&frame.payload()));
                bytes.freeze()
            }
        }
    }
}

/// What is to be done with a frame.
#[derive(Debug)]
pub(super) enum Step {
    /// It passes: a control frame, or a piece of a binary message.
    Pass(Frame),
    /// It ends a text message.
    Text(Message),
    /// It is held until its message is whole.
    Hold,
}

/// Collects the frames of text messages.
#[derive(Debug)]
pub(super) struct Collector {
    /// Bytes of a message at most.
    limit: usize,
    open: Open,
}

/// The message that has begun and not ended.
#[derive(Debug)]
enum Open {
    None,
    Text { frames: Vec<Frame>, bytes: usize },
    Binary,
}

impl Collector {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, open: Open::None }
    }

    /// Whether a message has begun to pass and not ended: no other may come between its frames.
    pub(super) fn is_within(&self) -> bool {
        matches!(self.open, Open::Binary)
    }

    /// Takes the next frame.
    pub(super) fn take(&mut self, frame: Frame) -> Result<Step, Fault> {
        let OpCode::Data(data) = frame.opcode else { return Ok(Step::Pass(frame)) };
        let is_final = frame.is_final;
        match (data, &mut self.open) {
            (Data::Text, Open::None) if is_final => Ok(Step::Text(Message { frames: vec![frame] })),
            (Data::Text, Open::None) => {
                self.open = Open::Text { frames: Vec::new(), bytes: 0 };
                self.hold(frame)
            }
            (Data::Continue, Open::Text { .. }) => self.hold(frame),
            (Data::Binary, Open::None) | (Data::Continue, Open::Binary) => {
                self.open = if is_final { Open::None } else { Open::Binary };
                Ok(Step::Pass(frame))
            }
            (Data::Continue, Open::None) => Err(Fault::Protocol("the first frame of a message")),
            (Data::Text | Data::Binary | Data::Reserved(_), _) => Err(Fault::Protocol("the next frame of the message")),
        }
    }

    fn hold(&mut self, frame: Frame) -> Result<Step, Fault> {
        let Open::Text { frames, bytes } = &mut self.open else { return Ok(Step::Pass(frame)) };
        *bytes += frame.raw().len() + FRAME_BYTES;
        if *bytes > self.limit {
            return Err(Fault::TooLarge(self.limit));
        }
        let is_final = frame.is_final;
        frames.push(frame);
        if !is_final {
            return Ok(Step::Hold);
        }
        let frames = std::mem::take(frames);
        self.open = Open::None;
        Ok(Step::Text(Message { frames }))
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::coding::Control;

    use super::*;

    fn frame(opcode: OpCode, is_final: bool, payload: &'static str) -> Frame {
        let mut frame = Frame::new(opcode, Bytes::from_static(payload.as_bytes()), Some([9, 8, 7, 6]));
        frame.is_final = is_final;
        frame
    }

    const TEXT: OpCode = OpCode::Data(Data::Text);
    const MORE: OpCode = OpCode::Data(Data::Continue);
    const BINARY: OpCode = OpCode::Data(Data::Binary);
    const PING: OpCode = OpCode::Control(Control::Ping);

    /// What becomes of frames, one letter each, and the texts.
    fn steps(limit: usize, frames: &[(OpCode, bool, &'static str)]) -> Result<(String, Vec<String>), Fault> {
        let mut collector = Collector::new(limit);
        let (mut letters, mut texts) = (String::new(), Vec::new());
        for (opcode, is_final, payload) in frames {
            letters.push(match collector.take(frame(*opcode, *is_final, payload))? {
                Step::Pass(_) => 'p',
                Step::Hold => 'h',
                Step::Text(message) => {
                    texts.push(String::from_utf8(message.payload().to_vec()).unwrap());
                    't'
                }
            });
        }
        Ok((letters, texts))
    }

    #[test]
    fn a_text_is_held_until_it_is_whole_and_everything_else_passes() {
        let (letters, texts) = steps(
            1 << 10,
            &[
                (TEXT, true, "one"),
                (TEXT, false, "t"),
                (PING, true, "?"),
                (MORE, false, "w"),
                (MORE, true, "o"),
                (BINARY, false, "b"),
                (MORE, true, "b"),
                (TEXT, true, ""),
            ],
        )
        .unwrap();
        assert_eq!((&*letters, texts), ("thphtppt", vec!["one".to_owned(), "two".to_owned(), String::new()]));
    }

    #[test]
    fn frames_out_of_order_and_endless_messages_are_faults() {
        for frames in [
            &[(MORE, true, "")][..],
            &[(TEXT, false, ""), (TEXT, true, "")],
            &[(TEXT, false, ""), (BINARY, true, "")],
            &[(BINARY, false, ""), (TEXT, true, "")],
            &[(BINARY, true, ""), (MORE, true, "")],
        ] {
            assert!(matches!(steps(1 << 10, frames), Err(Fault::Protocol(_))), "{frames:?}");
        }
        let mut endless = vec![(TEXT, false, "")];
        endless.resize(99, (MORE, false, ""));
        assert!(matches!(steps(1 << 10, &endless), Err(Fault::TooLarge(1024))));
    }
}
