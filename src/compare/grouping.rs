//! Which runs belong together and what tells them apart: takes runs, gives sides with short names and the settings in
//! which they differ.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::record::RunRecord;

/// The runs of one side, by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What the runs share, as the legend says it.
    pub name: String,
    /// Places of its runs in the list of all runs.
    pub members: Vec<usize>,
}

/// Each run alone, or those together that differ only in their seed; in the order in which they were given.
pub fn groups(runs: &[RunRecord], together: bool) -> Vec<Group> {
    let mut keys: Vec<BTreeMap<String, String>> = Vec::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let mut key = run.settings.clone();
        key.remove("seed");
        key.insert("protocol".to_owned(), run.protocol.clone());
        match keys.iter().position(|known| together && *known == key) {
            Some(place) => groups[place].push(number),
            None => {
                keys.push(key);
                groups.push(vec![number]);
            }
        }
    }
    let names = short(&runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>());
    groups.into_iter().map(|members| Group { name: joint_name(&names, &members), members }).collect()
}

/// Names without the folders that all of them share.
fn short(names: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split('/').collect()).collect();
    let most = parts.iter().map(|parts| parts.len() - 1).min().unwrap_or(0);
    let shared = (0..most).take_while(|at| parts.iter().all(|name| name[*at] == parts[0][*at])).count();
    parts.iter().map(|parts| parts[shared..].join("/")).collect()
}

/// `film` for `film/seed-0` and `film/seed-1`.
fn joint_name(names: &[String], members: &[usize]) -> String {
    let own: Vec<&String> = members.iter().map(|run| &names[*run]).collect();
    let parents: BTreeSet<_> = own.iter().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
    match (own.as_slice(), parents.len()) {
        ([only], _) => (*only).clone(),
        (_, 1) if own.iter().all(|name| name.contains('/')) => {
            parents.first().copied().unwrap_or_default().to_owned()
        }
        _ => format!("{} and {} more", own[0], own.len() - 1),
    }
}

/// Settings in which sides differ; a group differs in its seeds only if asked, that is, if it is alone.
pub fn differing(runs: &[RunRecord], groups: &[Group]) -> IndexMap<String, Vec<Option<String>>> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.settings.keys()).collect();
    let grouped = groups.iter().any(|group| group.members.len() > 1);
    let mut differing = IndexMap::new();
    for name in names.into_iter().filter(|name| !(grouped && name.as_str() == "seed")) {
        let value = |group: &Group| runs[group.members[0]].settings.get(name).cloned();
        let values: Vec<Option<String>> = groups.iter().map(value).collect();
        if values.iter().any(|value| *value != values[0]) {
            differing.insert(name.clone(), values);
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_they_share() {
        let names = short(&["runs/s/film/seed-0", "runs/s/film/seed-1", "runs/s/copies/seed-0"]);
        assert_eq!(names, ["film/seed-0", "film/seed-1", "copies/seed-0"]);
        assert_eq!(joint_name(&names, &[0, 1]), "film");
        assert_eq!(joint_name(&names, &[2]), "copies/seed-0");
        assert_eq!(joint_name(&names, &[0, 2]), "film/seed-0 and 1 more");
        assert_eq!(short(&["runs/a", "runs/b"]), ["a", "b"]);
        assert_eq!(short(&["a", "b"]), ["a", "b"]);
    }
}
