//! A headless Chromium, spoken to over its DevTools protocol.

use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// One page of a browser that ends with it.
pub(crate) struct Browser {
    socket: WebSocketStream<TcpStream>,
    session: String,
    calls: u64,
    /// Exceptions, and what the console or the content policy complained about.
    pub(crate) complaints: Vec<String>,
    _process: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts the first Chromium on the path; none when there is none.
    pub(crate) async fn start() -> Option<Self> {
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let mut process = ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| {
            Command::new(name)
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
                .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
                .args(["--remote-debugging-port=0", "about:blank"])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .ok()
        })?;
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("stderr is text").expect("it says where it listens");
            if let Some(address) = line.strip_prefix("DevTools listening on ") {
                break address.to_owned();
            }
        };
        // Nobody may wait for room in the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let host = address.trim_start_matches("ws://").split('/').next().expect("a host");
        let stream = TcpStream::connect(host).await.expect("the browser listens");
        let (socket, _) = tokio_tungstenite::client_async(&address, stream).await.expect("a WebSocket");
        let mut browser = Self {
            socket,
            session: String::new(),
            calls: 0,
            complaints: Vec::new(),
            _process: process,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", target).await;
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await;
        }
        Some(browser)
    }

    /// Calls a method of the protocol.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).await.expect("the browser listens");
        loop {
            let message = self.socket.next().await.expect("an answer").expect("no error");
            let Ok(text) = message.to_text() else { continue };
            let Ok(mut answer) = serde_json::from_str::<Value>(text) else { continue };
            match answer["method"].as_str() {
                Some("Runtime.exceptionThrown" | "Log.entryAdded") => {
                    self.complaints.push(answer["params"].to_string())
                }
                _ if answer["id"] == id => {
                    assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                    return answer["result"].take();
                }
                _ => {}
            }
        }
    }

    /// Opens an address in a window of a size.
    pub(crate) async fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address })).await;
    }

    /// Gives the window a size.
    pub(crate) async fn resize(&mut self, width: u32, height: u32, is_phone: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets what media queries find.
    pub(crate) async fn prefer(&mut self, feature: &str, value: &str) {
        let media = json!({ "features": [{ "name": feature, "value": value }] });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// The value of an expression, awaited when it is a promise.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until a condition holds in the page, which may be on its way to another address.
    pub(crate) async fn until(&mut self, condition: &str) {
        let look = format!(
            "new Promise((done) => {{ const look = () => {{ try {{ if ({condition}) return done(true); }} catch {{}} \
             setTimeout(look, 10); }}; look(); }})"
        );
        while self.value(&look).await != true {}
    }

    /// Presses a key.
    pub(crate) async fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let text = if key == "Enter" { "\r" } else { "" };
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Writes a picture of the window into the directory that `HEADROOM_SCREENSHOTS` names, for a person to look at.
    pub(crate) async fn picture(&mut self, name: &str) {
        let Some(directory) = std::env::var_os("HEADROOM_SCREENSHOTS") else { return };
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        let data = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().expect("data"));
        std::fs::write(Path::new(&directory).join(name), data.expect("base64")).expect("a file");
    }
}
