//! No module of a crate needs, in the end, itself: each can be read, and moved, without all the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::imports;

/// The crates that are looked at, by the folder of each root. Not among them yet: `functions/media`.
const CRATES: [&str; 16] = [
    "cli/src",
    "functions/captions/src",
    "functions/cleanup/src",
    "functions/core/src",
    "functions/lookup/src",
    "functions/media/src",
    "functions/notify/src",
    "functions/platform/src",
    "functions/presign/src",
    "functions/sweep/src",
    "functions/tracks/src",
    "functions/transcode/src",
    "tests/src",
    "tests/src/bin/bench",
    "tests/src/bin/soak",
    "tests/tests/it",
];

/// Which module refers to which, and one place where it does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Fails where modules refer to each other in a circle, and says where.
pub(super) fn check(root: &Path) -> Result<()> {
    let mut report = String::new();
    for folder in CRATES {
        let graph = graph(root, Path::new(folder))?;
        for circle in circles(&graph) {
            let names: Vec<_> = circle.iter().map(String::as_str).collect();
            let _ = writeln!(report, "{folder}: {} need each other", names.join(", "));
            for from in &circle {
                for (to, place) in graph[from].iter().filter(|(to, _)| circle.contains(*to)) {
                    let _ = writeln!(report, "    {place}: {from} -> {to}");
                }
            }
        }
    }
    if report.is_empty() {
        return Ok(());
    }
    bail!(
        "modules refer to each other in a circle; move what both need into one of its own\n{report}"
    );
}

/// The modules right below a crate's root, and what they refer to.
fn graph(root: &Path, folder: &Path) -> Result<Graph> {
    let mut files = Vec::new();
    let mut tests = BTreeSet::new();
    read(root, folder, &mut files, &mut tests)?;
    files.retain(|file: &File| !tests.iter().any(|test| file.path.starts_with(test)));
    let modules: BTreeSet<_> = files.iter().map(|file| file.module.clone()).collect();
    let mut graph: Graph = modules
        .iter()
        .map(|name| (name.clone(), BTreeMap::new()))
        .collect();
    for file in files {
        let edges = graph.entry(file.module.clone()).or_default();
        for import in file.imports {
            if import.module != file.module && modules.contains(&import.module) {
                let place = format!("{}:{}", file.shown, import.line);
                edges.entry(import.module).or_insert(place);
            }
        }
    }
    Ok(graph)
}

struct File {
    /// The module's names below the root, as a path.
    path: PathBuf,
    module: String,
    shown: String,
    imports: Vec<imports::Import>,
}

/// Reads all files below a crate's root. `tests` gets the modules that only tests are compiled with.
fn read(
    root: &Path,
    folder: &Path,
    files: &mut Vec<File>,
    tests: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let here = root.join(folder).join(&below);
        let mut entries: Vec<_> = fs::read_dir(&here)
            .and_then(Iterator::collect::<std::io::Result<_>>)
            .with_context(|| format!("cannot read {}", here.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = below.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let name = path.with_extension("");
            // A folder's own file, and the crate's.
            let is_folders = ["mod", "lib", "main"].iter().any(|own| name.ends_with(own));
            let module = if is_folders { below.clone() } else { name };
            let source = fs::read_to_string(entry.path())
                .with_context(|| format!("cannot read {}", entry.path().display()))?;
            let found = imports::of(&source, module.components().count());
            tests.extend(found.test_modules.iter().map(|name| module.join(name)));
            let Some(top) = module.iter().next() else {
                continue;
            };
            files.push(File {
                module: top.to_string_lossy().into_owned(),
                shown: folder.join(&path).display().to_string(),
                path: module,
                imports: found.imports,
            });
        }
    }
    Ok(())
}

/// Modules that can be reached from each other, each such set once.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<_, _> = graph
        .keys()
        .map(|from| (from, reachable(graph, from)))
        .collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for from in graph.keys() {
        let is_known = circles.iter().any(|circle| circle.contains(from));
        if !is_known && reached[from].contains(from) {
            let back = |to: &&String| reached[*to].contains(from);
            circles.push(reached[from].iter().filter(back).cloned().collect());
        }
    }
    circles
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(here) = next.pop() {
        for to in graph[&here].keys() {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_of(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry((*to).into()).or_default();
            let edges = graph.entry((*from).into()).or_default();
            edges.insert((*to).into(), format!("{from}.rs:1"));
        }
        graph
    }

    #[test]
    fn circles_are_told_apart() {
        let graph = graph_of(&[
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "d"),
            ("e", "f"),
            ("f", "e"),
            ("d", "e"),
        ]);
        let sets = [["a", "b", "c"].as_slice(), &["e", "f"]];
        let sets = sets.map(|set| set.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(circles(&graph), sets);
        assert!(circles(&graph_of(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
    }

    #[test]
    fn a_circle_in_files_is_found_with_its_lines() {
        let root = std::env::temp_dir().join(format!("reelrun-circles-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join("src").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod t;\n");
        write("a.rs", "\nuse crate::b::inner::B;\n");
        write("b/mod.rs", "pub mod inner;\n#[cfg(test)]\nmod tests;\n");
        write("b/inner.rs", "pub struct B;\n");
        write("b/tests.rs", "use crate::a::A;\n");
        write("t.rs", "use crate::a::A;\n");
        let found = |graph: &Graph| circles(graph).len();
        let graph = || super::graph(&root, Path::new("src")).expect("a graph");
        assert_eq!(found(&graph()), 0);
        write("b/inner.rs", "pub struct B;\nuse super::super::a::A;\n");
        let with_circle = graph();
        fs::remove_dir_all(&root).expect("removed");
        assert_eq!(found(&with_circle), 1);
        assert_eq!(with_circle["b"]["a"], "src/b/inner.rs:2");
        assert_eq!(with_circle["a"]["b"], "src/a.rs:2");
        assert!(!with_circle.contains_key("t"));
    }
}
