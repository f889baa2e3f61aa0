//! Chromium without a window: takes a page, gives what a script in it measured, and pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub struct Browser {
    program: PathBuf,
    folder: tempfile::TempDir,
}

/// A window is no narrower than this, so narrower pages are shown in a frame.
const NARROWEST: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(180);

impl Browser {
    /// None, and a word about it, where there is none.
    pub fn find() -> Option<Browser> {
        const NAMES: [&str; 5] =
            ["chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell"];
        let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|program| program.is_file());
        let Some(program) = given.or(found) else {
            // Written past the capture of the test harness, which shows nothing of a test that passes.
            let told = "\nNOT CHECKED: how the page of `totc report` is drawn, for there is no Chromium here.\n\
                        Install it (Debian: apt-get install chromium), or name it: CHROMIUM=/path/to/chrome\n\n";
            let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), told.as_bytes());
            return None;
        };
        Some(Browser { program, folder: tempfile::tempdir().unwrap() })
    }

    /// What `probe.js` measures on the page at this width.
    pub fn probe(&self, html: &str, width: u64) -> Value {
        let probe = format!("<script>{}</script></body>", include_str!("probe.js"));
        let probed = self.write("page.html", &html.replace("</body>", &probe));
        // The policy of the page is its own; a frame around it may run scripts.
        let frame = format!(
            "<body style=\"margin:0\"><iframe src=\"page.html\" style=\"width:{width}px;height:3000px;border:0\"></iframe>\
             <pre></pre><script>onmessage = told => document.querySelector('pre').textContent = told.data</script>"
        );
        let frame = self.write("frame.html", &frame);
        assert!(probed.exists());
        let window = width.max(NARROWEST);
        let (dom, errors) =
            self.run(&frame, &[format!("--window-size={window},3000"), "--dump-dom".to_owned()]);
        let said: Vec<&str> = errors.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(said.is_empty(), "the page says to the console: {said:?}");
        let told = dom.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
        let told = told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("no measures ({error}): {told}\n{errors}"))
    }

    pub fn screenshot(&self, html: &str, width: u64, height: u64, dark: bool) -> Image {
        let page = self.write("shown.html", html);
        let out = self.folder.path().join("shot.png");
        let scheme = if dark { 0 } else { 1 };
        self.run(
            &page,
            &[
                format!("--window-size={width},{height}"),
                format!("--screenshot={}", out.display()),
                format!("--blink-settings=preferredColorScheme={scheme}"),
            ],
        );
        if let Some(keep) = std::env::var_os("TOTC_SCREENSHOTS") {
            let name = format!("report-{}.png", if dark { "dark" } else { "light" });
            std::fs::copy(&out, Path::new(&keep).join(name)).unwrap();
        }
        Image::read(&out)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Standard output and error of one call.
    fn run(&self, page: &Path, options: &[String]) -> (String, String) {
        let (out, err) = (self.folder.path().join("out.txt"), self.folder.path().join("err.txt"));
        let file = |path: &Path| Stdio::from(std::fs::File::create(path).unwrap());
        let mut child = Command::new(&self.program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--force-device-scale-factor=1", "--enable-logging=stderr", "--virtual-time-budget=4000"])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
                "--font-render-hinting=none",
            ])
            .arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()))
            .args(options)
            .arg(format!("file://{}", page.display()))
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("Chromium has not ended after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        (read(&out), read(&err))
    }
}

pub struct Image {
    width: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Image {
    fn read(path: &Path) -> Image {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("no screenshot: {error}"));
        let mut decoder = zune_png::PngDecoder::new(zune_png::zune_core::bytestream::ZCursor::new(bytes));
        let bytes = decoder.decode_raw().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        Image { width, channels: bytes.len() / (width * height), bytes }
    }

    /// Red, green and blue of a pixel.
    pub fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let at = (y as usize * self.width + x as usize) * self.channels;
        [0, 1, 2].map(|part| self.bytes[at + part])
    }

    /// Whether a pixel within two of the place is about of this colour.
    pub fn nears(&self, x: f64, y: f64, colour: [u8; 3]) -> bool {
        let like = |pixel: [u8; 3]| pixel.iter().zip(colour).all(|(one, other)| one.abs_diff(other) < 24);
        (-2..=2).any(|down| (-2..=2).any(|right| like(self.at(x + f64::from(right), y + f64::from(down)))))
    }

    /// Inside cell `at` of a 4x4 grid whose drawing has this rectangle, beside the digit and the marks.
    pub fn at_cell(&self, grid: &Value, at: usize) -> [u8; 3] {
        let [left, top, width, height] = [0, 1, 2, 3].map(|part| grid[part].as_f64().unwrap());
        let (column, row) = ((at % 4) as f64, (at / 4) as f64);
        self.at(
            left + (1.0 + 10.0 * column + 1.7) / 42.0 * width,
            top + (1.0 + 10.0 * row + 5.0) / 42.0 * height,
        )
    }
}
