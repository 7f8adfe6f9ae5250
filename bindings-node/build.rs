//! Tells the linker that Node gives the symbols of its API.

fn main() {
    napi_build::setup();
}
