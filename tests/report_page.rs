//! The page of `totc report`, from a fixed log and fixed answers: what is in it, and what Chromium draws of it.

mod report;

use report::{Fixture, browser::Browser};
use serde_json::Value;

#[test]
fn a_page_holds_everything_and_names_no_address() {
    let fixture = Fixture::new();
    let html = fixture.html();
    assert!(html.len() < 400_000, "{} bytes", html.len());
    // The name of SVG's own language is no address that anything is loaded from.
    let without_names = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!without_names.contains("http:") && !without_names.contains("https:"));
    assert!(!without_names.contains("src=") && !without_names.contains("@import"));
    // 30 records of training, one of them without a finite loss: two lines of 9 and 20 points.
    let of_chart = |title: &str| -> Value {
        let at = html.find(&format!("<b>{title}</b>")).unwrap_or_else(|| panic!("no chart of {title}"));
        let start = html[..at].rfind("data-points=\"").unwrap() + "data-points=\"".len();
        serde_json::from_str(html[start..].split('"').next().unwrap()).unwrap()
    };
    let total = of_chart("loss, all terms");
    assert_eq!([total[0].as_array().unwrap().len(), total[1].as_array().unwrap().len()], [29, 6]);
    assert_eq!(total[0][0].as_array().unwrap()[..2], [50.0, 2.0].map(Value::from));
    for title in [
        "accuracy",
        "exact",
        "loss answering",
        "gradient norm",
        "learning rate",
        "similarity of thoughts after each step",
    ] {
        of_chart(title);
    }
    assert!(html.contains("solved at step 3 of 3") && html.contains("not solved: 1 of 16 cells wrong"));
    assert!(html.contains("stops when sure: step 2 of 3"));
}

#[test]
fn what_people_write_is_escaped() {
    let mut fixture = Fixture::new();
    fixture.model = "<script>alert(1)</script> & \"more\"".to_owned();
    let html = fixture.html();
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert_eq!(html.matches("<script>").count(), 1);
}

#[test]
fn a_run_that_has_just_begun_has_a_page() {
    let mut fixture = Fixture::new();
    fixture.log.clear();
    fixture.watched.clear();
    fixture.puzzles.clear();
    let html = fixture.html();
    assert!(html.contains("Nothing has been logged yet.") && html.contains("has not been tested yet"));
    assert!(!html.contains("id=\"similarity\""));
}

#[test]
fn failures_come_first() {
    let fixture = Fixture::new();
    let data = fixture.data.as_ref();
    let solved: Vec<bool> = fixture.watched.iter().map(|thinking| thinking.solved(data)).collect();
    assert_eq!(solved, [true, false, true]);
    assert_eq!(totc::report::page::choose(&fixture.watched, 2, data), [1, 0]);
    assert_eq!(totc::report::page::choose(&fixture.watched, 9, data), [1, 0, 2]);
    assert!(totc::report::page::choose(&fixture.watched, 0, data).is_empty());
}

#[test]
fn chromium_draws_it() {
    let Some(browser) = Browser::find() else { return };
    let fixture = Fixture::new();
    let wide = browser.probe(&fixture.html(), 1280);
    assert_eq!(wide["width"], 1280);
    check_layout(&wide);
    let narrow = browser.probe(&fixture.html(), 400);
    assert_eq!(narrow["width"], 400);
    check_layout(&narrow);

    // The script has shown the last step and its thoughts.
    let cell = fixture.wrong_cell();
    for (name, probe) in [("wide", &wide), ("narrow", &narrow)] {
        assert_eq!(
            probe["stages"],
            serde_json::json!(["step 3 of 3", "step 3 of 3", "step 3 of 3"]),
            "{name}"
        );
        assert_eq!(probe["shown thoughts"], serde_json::json!([2, 2, 2]), "{name}");
        // The puzzle that is not solved stands first and open, the others are folded.
        assert_eq!(probe["open"], serde_json::json!([true, false, false]), "{name}");
        assert!(probe["smallest letters"].as_f64().is_some_and(|size| size >= 11.0), "{name}: {probe}");
        // Pointing at a curve tells its values.
        assert_eq!(probe["tip"], "step 50train: 2", "{name}");
        assert_eq!(probe["after play"], "step 1 of 3", "{name}");
    }

    for dark in [false, true] {
        let image = browser.screenshot(&fixture.html(), 1280, wide["height"].as_u64().unwrap(), dark);
        let ground = image.at(4.0, 4.0);
        assert_eq!(ground.iter().map(|part| u32::from(*part)).sum::<u32>() < 150, dark, "{ground:?}");
        // Every point of the test curves is there, in their colour.
        let dots = wide["dots"].as_array().unwrap();
        assert!(dots.len() >= 6 * 5, "{} points", dots.len());
        let orange = if dark { [0xf2, 0x9a, 0x5b] } else { [0xd5, 0x5e, 0x00] };
        for dot in dots {
            let (x, y) = (dot[0].as_f64().unwrap(), dot[1].as_f64().unwrap());
            assert!(image.nears(x, y, orange), "at {x}, {y}: {:?}", image.at(x, y));
        }
        // Cells of the answer after the last step: one wrong, the others right or given.
        let grid = &wide["answers"][0][2];
        for at in 0..16 {
            let [red, _, blue] = image.at_cell(grid, at).map(i32::from);
            match at {
                _ if at == cell => assert!(red > blue + 30, "cell {at} is wrong: {red} {blue}"),
                _ if fixture.is_given(1, at) => {
                    assert!((red - blue).abs() < 30, "cell {at} is given: {red} {blue}")
                }
                _ => assert!(blue > red + 30, "cell {at} is right: {red} {blue}"),
            }
        }
    }
}

/// Nothing scrolls sideways, words stand beside the plots and not on each other, letters can be read.
fn check_layout(probe: &Value) {
    let width = probe["width"].as_u64().unwrap();
    assert!(
        probe["scroll width"].as_u64().unwrap() <= width,
        "scrolls sideways at {width}: {}",
        probe["too wide"]
    );
    assert_eq!(probe["overlaps"], serde_json::json!([]), "at {width}");
    assert_eq!(probe["faint"], serde_json::json!([]), "at {width}");
    assert_eq!(probe["nameless"], serde_json::json!([]), "at {width}");
    assert!(probe["charts"].as_u64().unwrap() >= 9);
    // Each polyline lies inside its plot.
    assert_eq!(probe["outside"], serde_json::json!([]), "at {width}");
    assert_eq!(probe["points"][0], 29);
}
