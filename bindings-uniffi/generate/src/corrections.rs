//! What is changed in the generated code so that it keeps the promises of `tests/extensions/`: a callback always answers,
//! whatever user code does, and an exception keeps its text.

use anyhow::{Result, ensure};

/// One change, which must fit exactly as often as it says: another version of the generator is met by an error here.
struct Correction {
    language: &'static str,
    times: usize,
    find: &'static str,
    replace: &'static str,
}

const CORRECTIONS: &[Correction] = &[
    // An `Error`, such as a failed `check` or `TODO()`, would leave the engine without an answer.
    Correction {
        language: "kotlin",
        times: 4,
        find: "} catch(e: kotlin.Exception) {",
        replace: "} catch(e: kotlin.Throwable) {",
    },
    // A warning is a sentence, not a stack trace.
    Correction { language: "kotlin", times: 2, find: "e.stackTraceToString()", replace: "e.toString()" },
    Correction {
        language: "kotlin",
        times: 10,
        find: r#"get() = "reason=${ `reason` }, code=${ `code` }, details=${ `details` }""#,
        replace: "get() = `reason`",
    },
    // `wait_readable` is a method of this library in Ruby before 3.2.
    Correction { language: "ruby", times: 1, find: "require 'ffi'\n", replace: "require 'ffi'\nrequire 'io/wait'\n" },
    // What is no StandardError, such as NotImplementedError, would leave the engine without an answer.
    Correction { language: "ruby", times: 1, find: "rescue StandardError => e", replace: "rescue Exception => e" },
    // A call that is dropped before it begins is no news.
    Correction {
        language: "ruby",
        times: 1,
        find: "  handle = UNIFFI_FOREIGN_FUTURE_HANDLE_MAP.insert([thread, once])",
        replace: "  thread.report_on_exception = false
  handle = UNIFFI_FOREIGN_FUTURE_HANDLE_MAP.insert([thread, once])",
    },
    // Finalizers call this, and no lock may be taken there; deleting from a hash is one step.
    Correction {
        language: "ruby",
        times: 1,
        find: "  def remove(handle)
    @lock.synchronize do
      obj = @map.delete(handle)
      raise InternalError, \"UniffiHandleMap.remove: invalid handle #{handle}\" if obj.nil?
      obj
    end
  end",
        replace: "  def remove(handle)
    obj = @map.delete(handle)
    raise InternalError, \"UniffiHandleMap.remove: invalid handle #{handle}\" if obj.nil?
    obj
  end",
    },
    Correction {
        language: "ruby",
        times: 10,
        find: r##""#{self.class.name}(reason=#{@reason.inspect}, code=#{@code.inspect}, details=#{@details.inspect})""##,
        replace: "@reason",
    },
    // Lets other threads of Ruby run meanwhile, among them those that answer the engine.
    Correction {
        language: "ruby",
        times: 1,
        find: "fn_func_compress,
    [RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value",
        replace: "fn_func_compress,
    [RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value, blocking: true",
    },
    Correction {
        language: "ruby",
        times: 1,
        find: "fn_method_pipelineextensionmanager_emit,
    [:uint64, :uint64, RustCallStatus.by_ref],
    :uint64",
        replace: "fn_method_pipelineextensionmanager_emit,
    [:uint64, :uint64, RustCallStatus.by_ref],
    :uint64, blocking: true",
    },
    Correction {
        language: "ruby",
        times: 1,
        find: "fn_func_retrieve,
    [RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value",
        replace: "fn_func_retrieve,
    [RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value, blocking: true",
    },
    Correction {
        language: "ruby",
        times: 1,
        find: "fn_func_answer_tool_call,
    [RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value",
        replace: "fn_func_answer_tool_call,
    [RustBuffer.by_value, RustBuffer.by_value, RustCallStatus.by_ref],
    RustBuffer.by_value, blocking: true",
    },
    // What an extension returns is told from what it throws.
    Correction {
        language: "ruby",
        times: 1,
        find: "class InternalError < StandardError
end
",
        replace: "class InternalError < StandardError
end

class WrongReturnType < StandardError
  def inspect = \"wrong return type: #{message}\"
end
",
    },
    Correction {
        language: "ruby",
        times: 1,
        find: "  def self.alloc_from_OptionalTypePipelineEvent(v)
",
        replace: "  def self.alloc_from_OptionalTypePipelineEvent(v)
    raise WrongReturnType, v.class.name unless v.nil? || v.is_a?(PipelineEvent)
",
    },
    Correction {
        language: "python",
        times: 1,
        find: "class _UniffiFfiConverterOptionalTypePipelineEvent(_UniffiConverterRustBuffer):
    @classmethod
    def check_lower(cls, value):
        if value is not None:
            _UniffiFfiConverterTypePipelineEvent.check_lower(value)

    @classmethod
    def write(cls, value, buf):
",
        replace: "class _WrongReturnType(TypeError):
    def __repr__(self):
        return f\"wrong return type: {self}\"

class _UniffiFfiConverterOptionalTypePipelineEvent(_UniffiConverterRustBuffer):
    @classmethod
    def check_lower(cls, value):
        if value is not None:
            _UniffiFfiConverterTypePipelineEvent.check_lower(value)

    @classmethod
    def write(cls, value, buf):
        if value is not None and not isinstance(value, PipelineEvent):
            raise _WrongReturnType(type(value).__name__)
",
    },
    // A CancelledError or SystemExit of user code would leave the engine without an answer. What is thrown is for the
    // engine to tell.
    Correction {
        language: "python",
        times: 2,
        find: r#"        except Exception as e:
            print("UniFFI: Unhandled exception in trait interface call", file=sys.stderr)
            traceback.print_exc(file=sys.stderr)
"#,
        replace: "        except BaseException as e:\n",
    },
    Correction {
        language: "python",
        times: 2,
        find: "\n    except Exception as e:\n        call_status.code",
        replace: "\n    except BaseException as e:\n        call_status.code",
    },
    // The thread that drops a call need not be the one of its loop.
    Correction {
        language: "python",
        times: 1,
        find: "    eventloop.call_soon(_uniffi_cancel_task, task)",
        replace: "    if not eventloop.is_closed():
        eventloop.call_soon_threadsafe(_uniffi_cancel_task, task)",
    },
    // Async extensions of a caller without a loop run on one of the package.
    Correction {
        language: "python",
        times: 1,
        find: "    else:
        return asyncio.get_running_loop()
",
        replace: "    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return _headroom_loop()

_HEADROOM_LOOP = None
_HEADROOM_LOOP_LOCK = threading.Lock()

def _headroom_loop():
    global _HEADROOM_LOOP
    with _HEADROOM_LOOP_LOCK:
        # A forked child does not have the thread of its parent.
        if _HEADROOM_LOOP is None or _HEADROOM_LOOP[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=\"headroom-loop\", daemon=True).start()
            _HEADROOM_LOOP = (os.getpid(), loop)
        return _HEADROOM_LOOP[1]
",
    },
    Correction {
        language: "python",
        times: 10,
        find: r#"super().__init__(", ".join([
                "reason={!r}".format(reason),
                "code={!r}".format(code),
                "details={!r}".format(details),
            ]))"#,
        replace: "super().__init__(reason)",
    },
];

/// The generated code of a language with its corrections.
///
/// # Errors
/// When a correction does not fit.
pub(crate) fn corrected(language: &str, mut text: String) -> Result<String> {
    for correction in CORRECTIONS.iter().filter(|correction| correction.language == language) {
        let found = text.matches(correction.find).count();
        let (wanted, place) = (correction.times, correction.find);
        ensure!(found == wanted, "{language}: expected {wanted} times, found {found} times: {place}");
        text = text.replace(correction.find, correction.replace);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_that_does_not_fit_is_an_error_and_swift_needs_none() {
        let error = corrected("ruby", "require 'json'\n".into()).unwrap_err().to_string();
        assert_eq!(error, "ruby: expected 1 times, found 0 times: require 'ffi'\n");
        assert_eq!(corrected("swift", "import Foundation".into()).unwrap(), "import Foundation");
    }
}
