//! Which modules of its crate a source file refers to.
//!
//! Rust's own tokens, as far as they matter for that: paths that begin with `crate` or `super`, by
//! themselves or in a `use`. What is said in comments, texts, macros' output and test modules counts
//! for nothing.

use std::iter::Peekable;
use std::str::Chars;

/// A path into the crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    /// The line, from 1.
    pub(super) line: usize,
    /// The first name below the crate's root.
    pub(super) module: String,
}

/// What is found in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) imports: Vec<Import>,
    /// Modules in files of their own that only tests are compiled with.
    pub(super) test_modules: Vec<String>,
}

/// Reads a file whose module is this deep below the crate's root (which is 0).
pub(super) fn of(source: &str, depth: usize) -> Found {
    let tokens = tokens(source);
    let mut found = Found::default();
    let mut modules = Vec::new();
    let mut braces = 0;
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        if is(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            at += 7;
            let (name, next) = module_at(&tokens, at);
            match (name, tokens.get(next).map(|token| token.text.as_str())) {
                (Some(_), Some("{")) => at = end_of_block(&tokens, next),
                (Some(name), _) => {
                    found.test_modules.push(name);
                    at = next;
                }
                // Another item: what it says of its attributes and itself is read as usual.
                (None, _) => {}
            }
            continue;
        }
        match rest[0].text.as_str() {
            "mod" if is_text(rest.get(2), "{") => {
                modules.push(braces);
                braces += 1;
                at += 3;
                continue;
            }
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
            }
            "crate" if is_text(rest.get(1), "::") => {
                at = names(&tokens, at + 2, &mut found.imports);
                continue;
            }
            "super" if is_text(rest.get(1), "::") => {
                let ups = rest
                    .chunks(2)
                    .take_while(|pair| is(pair, &["super", "::"]))
                    .count();
                at += 2 * ups;
                if ups == depth + modules.len() {
                    at = names(&tokens, at, &mut found.imports);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Takes the names that a path goes on with: one, or those of a group.
fn names(tokens: &[Token], at: usize, into: &mut Vec<Import>) -> usize {
    let mut take = |token: &Token| {
        let is_name = token
            .text
            .starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_name && token.text != "self" {
            into.push(Import {
                line: token.line,
                module: token.text.clone(),
            });
        }
    };
    if !is_text(tokens.get(at), "{") {
        if let Some(token) = tokens.get(at) {
            take(token);
        }
        return at + 1;
    }
    let end = end_of_block(tokens, at);
    let mut depth = 0;
    for pair in tokens[at..end].windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 1 && ["{", ","].contains(&pair[0].text.as_str()) {
            take(&pair[1]);
        }
    }
    end
}

/// The name of a module that is declared here, whoever may see it, and what comes after it.
fn module_at(tokens: &[Token], at: usize) -> (Option<String>, usize) {
    let mut at = at;
    if is_text(tokens.get(at), "pub") {
        at += 1;
        if is_text(tokens.get(at), "(") {
            let inner = tokens[at..].iter().position(|token| token.text == ")");
            at += inner.map_or(0, |end| end + 1);
        }
    }
    if !is_text(tokens.get(at), "mod") {
        return (None, at);
    }
    (tokens.get(at + 1).map(|name| name.text.clone()), at + 2)
}

/// What comes after the block that begins here.
fn end_of_block(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + offset + 1;
        }
    }
    tokens.len()
}

fn is(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len()
        && tokens
            .iter()
            .zip(texts)
            .all(|(token, text)| token.text == *text)
}

fn is_text(token: Option<&Token>, text: &str) -> bool {
    token.is_some_and(|token| token.text == text)
}

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
}

/// Names, `::`, and single signs.
fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        chars: source.chars().peekable(),
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some(first) = reader.next() {
        let line = reader.line;
        let mut push = |text: String| tokens.push(Token { line, text });
        match first {
            '/' if reader.chars.peek() == Some(&'/') => {
                while reader.next_if(|c| c != '\n').is_some() {}
            }
            '/' if reader.chars.peek() == Some(&'*') => reader.comment(),
            '"' => reader.text(),
            '\'' => reader.character(),
            ':' if reader.next_if(|c| c == ':').is_some() => push("::".into()),
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = reader.next_if(|c| c.is_alphanumeric() || c == '_') {
                    name.push(c);
                }
                if ["r", "br", "cr"].contains(&name.as_str()) && reader.raw_text() {
                    continue;
                }
                push(name);
            }
            c if c.is_whitespace() => {}
            c => push(c.into()),
        }
    }
    tokens
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.next_if(|_| true)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let next = self.chars.next_if(|c| wanted(*c))?;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    /// The rest of a block comment, after its first sign. They nest.
    fn comment(&mut self) {
        let (mut depth, mut before) = (0, '/');
        while let Some(c) = self.next() {
            match (before, c) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    before = c;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            before = ' ';
        }
    }

    /// The rest of a text, after its first quote.
    fn text(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '"' => return,
                _ => {}
            }
        }
    }

    /// What follows an `r`, if it is a raw text; else nothing is taken but signs that say nothing.
    fn raw_text(&mut self) -> bool {
        let mut hashes = 0;
        while self.next_if(|c| c == '#').is_some() {
            hashes += 1;
        }
        if self.next_if(|c| c == '"').is_none() {
            return false;
        }
        while let Some(c) = self.next() {
            if c == '"' && (0..hashes).all(|_| self.next_if(|c| c == '#').is_some()) {
                break;
            }
        }
        true
    }

    /// What follows a single quote: a character, or a lifetime.
    fn character(&mut self) {
        match self.next() {
            Some('\\') => {
                self.next();
                while self.next_if(|c| c != '\'').is_some() {}
                self.next();
            }
            // The name of a lifetime reads like any other.
            Some(_) => drop(self.next_if(|c| c == '\'')),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(source: &str, depth: usize) -> Vec<(usize, String)> {
        let imports = of(source, depth).imports.into_iter();
        imports.map(|import| (import.line, import.module)).collect()
    }

    fn names(source: &str, depth: usize) -> Vec<String> {
        let imports = imports(source, depth).into_iter();
        imports.map(|(_, name)| name).collect()
    }

    #[test]
    fn paths_and_groups_are_found_with_their_lines() {
        let source = "use crate::a::B;\nuse crate::{\n    c::{self, D, e::F},\n    g,\n};\nfn h() { crate::i::j(); }\n";
        let expected = [(1, "a"), (3, "c"), (4, "g"), (6, "i")];
        assert_eq!(
            imports(source, 1),
            expected.map(|(line, name)| (line, name.to_owned()))
        );
    }

    #[test]
    fn what_is_above_is_found_where_it_is_the_root() {
        assert_eq!(names("use super::a::B;", 1), ["a"]);
        assert_eq!(names("use super::a::B;", 2), [""; 0]);
        assert_eq!(names("use super::super::{a::B, c};", 2), ["a", "c"]);
        assert_eq!(
            names(
                "mod inner { use super::a; use super::super::b; }\nuse super::c;",
                1
            ),
            ["b", "c"]
        );
    }

    #[test]
    fn texts_and_comments_say_nothing() {
        let source = "// crate::a\n/* crate::b /* crate::c */ crate::d */\nconst A: &str = \"crate::e \\\" crate::f\";\n\
                      const B: &str = r#\"crate::g \" crate::h\"#; const C: char = '\"'; const D: char = '\\'';\n\
                      fn i<'a>(j: &'a crate::k::L) {}";
        assert_eq!(imports(source, 1), [(5, "k".to_owned())]);
    }

    #[test]
    fn what_only_tests_have_is_left_out() {
        let source = "#[cfg(test)]\npub(crate) mod model;\n#[cfg(test)]\nmod tests { use crate::a; mod b { use crate::c; } }\n\
                      #[cfg(test)]\nuse crate::d::E;\nuse crate::f;";
        assert_eq!(names(source, 1), ["d", "f"]);
        assert_eq!(of(source, 1).test_modules, ["model"]);
    }
}
