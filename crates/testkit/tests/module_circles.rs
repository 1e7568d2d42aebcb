//! No circle between modules: data flows one way, and a file can be read without first reading those that import it.
//!
//! Reads the `use` lines and inline `crate::…` paths of every file outside of tests. A name that a `mod.rs` only hands
//! on (`pub use`) counts as imported from the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module's path in its crate (`["http", "v1", "feed"]`), and the source of its file.
type Sources = BTreeMap<Vec<String>, String>;
type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut circles = vec![];
    for name in ["broker", "domain", "server", "store", "testkit"] {
        let mut sources = Sources::new();
        read_folder(&crates.join(name).join("src"), &[], &mut sources);
        assert!(!sources.is_empty(), "no source of {name} was found");
        circles.extend(circle(&imports(&sources)).map(|c| format!("{name}: {c}")));
    }
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn a_planted_circle_is_found() {
    let planted = |last: &str| {
        let sources = [
            ("", "mod a; mod b; mod c;"),
            ("a", "use crate::b::{self, Thing};"),
            ("b", "pub use inner::Thing; mod inner;"),
            ("b::inner", "use super::super::c;\npub struct Thing;"),
            ("c", last),
        ];
        let split = |path: &str| {
            path.split("::")
                .filter(|s| !s.is_empty())
                .map(String::from)
                .collect()
        };
        imports(
            &sources
                .map(|(path, text)| (split(path), text.to_owned()))
                .into(),
        )
    };
    assert_eq!(
        circle(&planted("// crate::a is only mentioned\nuse crate::d;")),
        None
    );
    assert_eq!(
        circle(&planted("fn f() -> crate::a::X { todo() }")).as_deref(),
        Some("a -> b::inner -> c -> a")
    );
    assert_eq!(
        circle(&planted("#[cfg(test)]\nmod tests { use crate::a; }")),
        None,
        "tests may import what they like"
    );
}

fn read_folder(folder: &Path, path: &[String], sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let file = entry.expect("an entry can be read").path();
        let stem = file
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        if stem == "tests" || stem.ends_with("_tests") || stem.starts_with("test_") {
            continue;
        }
        let mut module = path.to_vec();
        if file.is_dir() {
            module.push(stem);
            read_folder(&file, &module, sources);
        } else if file.extension().is_some_and(|e| e == "rs") && stem != "main" {
            if stem != "mod" && stem != "lib" {
                module.push(stem);
            }
            sources.insert(
                module,
                std::fs::read_to_string(&file).expect("a file can be read"),
            );
        }
    }
}

/// Which file imports which.
fn imports(sources: &Sources) -> Imports {
    let texts: BTreeMap<_, _> = sources
        .iter()
        .map(|(module, text)| (module, code(text)))
        .collect();
    let mut handed_on = BTreeMap::new();
    for (module, text) in &texts {
        for path in paths(text, "pub use ").chain(paths(text, "pub(crate) use ")) {
            if let Some((name, _)) = path.split_last() {
                let mut here: Vec<String> = (*module).clone();
                here.push(name.clone());
                handed_on.insert(here, absolute(module, &path));
            }
        }
    }
    let defined_in = |mut path: Vec<String>| {
        // A name is handed on a few times at the most; a module may also hand on what it imports from its parent.
        for _ in 0..4 {
            match handed_on.get(&path) {
                Some(further) if *further != path => path.clone_from(further),
                _ => break,
            }
        }
        while !sources.contains_key(&path) {
            path.pop()?;
        }
        Some(path)
    };
    let of_module = |(module, text): (&&Vec<String>, &String)| {
        let used = paths(text, "use ").chain(inline(text));
        let found: BTreeSet<_> = used
            .map(|path| absolute(module, &path))
            .filter_map(defined_in)
            .filter(|other| other != *module && !other.is_empty())
            .collect();
        ((*module).clone(), found)
    };
    texts.iter().map(of_module).collect()
}

/// The source without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths of every statement that begins a line with `keyword`, with braces expanded.
fn paths<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
    let starts = text
        .match_indices(keyword)
        .filter(|(at, _)| text[..*at].ends_with('\n') || *at == 0);
    starts.flat_map(move |(at, _)| {
        let rest = &text[at + keyword.len()..];
        let tree: String = rest[..rest.find(';').unwrap_or(0)]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mut found = vec![];
        expand(&tree, &[], &mut found);
        found
    })
}

fn expand(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = before.to_vec();
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, Some(group.trim_end().trim_end_matches('}'))),
        None => (tree, None),
    };
    let names = head
        .split("::")
        .map(|name| name.split(" as ").next().unwrap_or_default());
    // `self` within braces is what stands before them.
    let named = names
        .map(str::trim)
        .filter(|name| !name.is_empty() && (*name != "self" || before.is_empty()));
    path.extend(named.map(String::from));
    let Some(group) = group else {
        found.push(path);
        return;
    };
    let mut depth = 0;
    let parts = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        expand(part.trim(), &path, found);
    }
}

/// Paths within expressions and signatures. A path that ends before a brace is a `use` line's, which was expanded.
fn inline(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(move |c| !is_path(c));
    let inside = words.filter(|word| {
        (word.starts_with("crate::") || word.starts_with("super::")) && !word.ends_with("::")
    });
    inside.map(|word| word.split("::").map(String::from).collect())
}

/// A path as seen from the crate's root.
fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|name| *name == "super").count();
    let rest = path.iter().skip(supers);
    match path.first().map(String::as_str) {
        Some("crate") => path[1..].to_vec(),
        Some("super") => module[..module.len().saturating_sub(supers)]
            .iter()
            .chain(rest)
            .cloned()
            .collect(),
        Some("self") => module.iter().chain(&path[1..]).cloned().collect(),
        // A child of this module, or another crate: of that no file is found.
        _ => module.iter().chain(path).cloned().collect(),
    }
}

/// One circle, if there is any, beginning with the first module of it.
fn circle(imports: &Imports) -> Option<String> {
    let mut done = BTreeSet::new();
    imports
        .keys()
        .find_map(|module| search(module, imports, &mut vec![], &mut done))
}

fn search<'a>(
    module: &'a Vec<String>,
    imports: &'a Imports,
    trail: &mut Vec<&'a Vec<String>>,
    done: &mut BTreeSet<&'a Vec<String>>,
) -> Option<String> {
    if let Some(begin) = trail.iter().position(|on_trail| *on_trail == module) {
        let names = trail[begin..].iter().chain([&module]).map(|m| m.join("::"));
        return Some(names.collect::<Vec<_>>().join(" -> "));
    }
    if done.contains(module) {
        return None;
    }
    trail.push(module);
    let found = imports
        .get(module)
        .into_iter()
        .flatten()
        .find_map(|other| search(other, imports, trail, done));
    trail.pop();
    done.insert(module);
    found
}
