//! What is said in a cue: text with WebVTT's markup, and nothing else.
//!
//! Whatever comes in is read into text and tags, and written anew ([`build`]), so that what goes out
//! does not depend on how good a player's reader is:
//!
//! - of tags there are `<i> <b> <u> <ruby> <rt> <v Speaker> <lang xx>`, `<c>` with WebVTT's own colour
//!   classes, and times; each is closed, in order. Other classes have no meaning without a style sheet,
//!   and those are not taken;
//! - `&`, `<` and `>` in text are escaped, so no text holds an arrow;
//! - `<` is never followed by what would make it a tag in HTML. Some players unescape a cue's text and
//!   give it to the page as HTML (media-captions 1.0, which Vidstack uses, is one), for which
//!   `&lt;img onerror=…&gt;` is as good as the tag. A word joiner between them can't be seen;
//! - no line is blank, as that would end the cue; and what only draws is not text.
//!
//! SubRip's own markup becomes WebVTT's where there is an equivalent (`<font color="yellow">`,
//! `{\an8}`, `{\i1}`), and else goes.

mod build;
mod entities;
mod tags;

use self::{build::Builder, tags::Markup};
use crate::{format::Format, time::Timestamp};

/// The text of a cue, as it stands in a WebVTT file: escaped, one to many lines, none of them blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CueText(String);

/// What was read of a cue's text.
pub(crate) struct Read {
    /// `None` if there is nothing to be seen.
    pub(crate) text: Option<CueText>,
    /// The key of a number pad that says where the cue stands (`{\an8}`).
    pub(crate) anchor: Option<u8>,
}

impl CueText {
    /// Reads a cue's lines. Times within the text have to be within the cue's.
    pub(crate) fn read(source: &str, format: Format, from: Timestamp, until: Timestamp) -> Read {
        let mut builder = Builder::new(from, until);
        let mut anchor = None;
        let mut rest = source;
        while let Some(at) = rest.find(['<', '&', '{']) {
            builder.text(&rest[..at]);
            rest = &rest[at..];
            let taken = match rest.as_bytes()[0] {
                b'&' => entities::read(rest).map(|(found, length)| {
                    builder.text(found.encode_utf8(&mut [0; 4]));
                    length
                }),
                b'<' => tags::read(rest, format).map(|(markup, length)| {
                    apply(&mut builder, markup);
                    length
                }),
                _ => tags::read_override(rest, format).map(|(overrides, length)| {
                    for markup in overrides.markup {
                        apply(&mut builder, markup);
                    }
                    anchor = anchor.or(overrides.anchor);
                    length
                }),
            };
            let length = taken.unwrap_or_else(|| {
                builder.text(&rest[..1]);
                1
            });
            rest = &rest[length..];
        }
        builder.text(rest);
        Read {
            text: builder
                .finish()
                .map(Self)
                .filter(|text| !is_drawing(&text.plain())),
            anchor,
        }
    }

    /// Text in which nothing is markup.
    pub(crate) fn literal(text: &str) -> Option<Self> {
        let mut builder = Builder::new(Timestamp::default(), Timestamp::default());
        builder.text(text);
        builder.finish().map(Self)
    }

    /// As it stands in a WebVTT file.
    pub fn as_webvtt(&self) -> &str {
        &self.0
    }

    /// What is read: without markup, nothing escaped.
    pub fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.0.len());
        let mut rest = &*self.0;
        while let Some(at) = rest.find(['<', '&']) {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = match entities::read(rest) {
                Some((found, length)) => {
                    plain.push(found);
                    length
                }
                None => rest.find('>').map_or(rest.len(), |at| at + 1),
            };
            rest = &rest[end..];
        }
        plain.push_str(rest);
        plain
    }
}

/// Whether it is a picture: SubStation files draw with words (`m 0 0 l 100 0 100 100`), and whoever converts
/// them to other formats often leaves the words.
fn is_drawing(text: &str) -> bool {
    const COMMANDS: [&str; 7] = ["m", "n", "l", "b", "s", "p", "c"];
    let mut words = text.split_whitespace();
    let is_begun = words.next() == Some("m") && words.clone().count() >= 2;
    is_begun && words.all(|word| COMMANDS.contains(&word) || word.parse::<f64>().is_ok())
}

fn apply(builder: &mut Builder, markup: Markup) {
    match markup {
        Markup::Open(tag) => builder.open(tag),
        Markup::Close(name) => builder.close(name),
        Markup::Time(ms) => builder.time(ms),
        Markup::Line => builder.text("\n"),
        Markup::Nothing => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: Timestamp = Timestamp::from_ms(10_000);

    fn read(source: &str, format: Format) -> String {
        let text = CueText::read(source, format, Timestamp::default(), UNTIL).text;
        text.map(|text| text.0).unwrap_or_default()
    }

    fn webvtt(source: &str) -> String {
        read(source, Format::WebVtt)
    }

    fn subrip(source: &str) -> String {
        read(source, Format::SubRip)
    }

    #[test]
    fn webvtt_s_own_markup_stays() {
        for text in [
            "plain\nof two lines",
            "<i>a <b>b</b></i> <u>c</u>",
            "<v Fred>Hi, I'm <lang en-GB>Fred</lang></v>",
            "<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>",
            "<c.yellow.bg_blue>loud</c>",
            "never <00:00:02.000>gonna <00:00:03.500><c.lime>give</c>",
            "שלום\u{200f}, &lt;3 &amp; 日本語",
        ] {
            assert_eq!(webvtt(text), text);
        }
    }

    #[test]
    fn other_markup_goes_and_words_stay() {
        for (text, expected) in [
            ("<i>never closed", "<i>never closed</i>"),
            ("closed</i> before", "closed before"),
            ("<b><i>crossed</b> over</i>", "<b><i>crossed</i></b> over"),
            ("<i></i>nothing<b>  </b>", "nothing"),
            ("<i>a</i.x > b", "<i>a</i> b"),
            (
                "<c.mine>a</c> <c>b</c> <c.mine.red>c</c>",
                "a b <c.red>c</c>",
            ),
            ("<c.red><c>a</c>b</c>c", "<c.red>ab</c>c"),
            ("<v>a</v> <v.loud  Mary\tAnn >b", "a <v Mary Ann>b</v>"),
            ("<v A \"B\" &lt;C&gt; &amp; D>x", "<v A 'B' C &amp; D>x</v>"),
            ("<v Fred /--><v -- >a", "<v Fred>a</v>"),
            ("<lang x_y>a</lang><lang EN>b</lang>", "a<lang en>b</lang>"),
            ("<rt>a</rt>", "a"),
            ("<video src=x>a</video><00:99>b", "ab"),
            (
                "<00:00:11.000>late <00:00:02.000>on <00:00:01.000>early",
                "late <00:00:02.000>on early",
            ),
            ("I <3 you & x < y", "I &lt;3 you &amp; x &lt; y"),
            ("<<b>> a <", "&lt;<b>&gt; a &lt;</b>"),
            ("a --> b", "a --&gt; b"),
            (
                "&nbsp;&quot;&#65;&#x42;&#0;&bogus;&",
                "\u{a0}\"AB\u{fffd}&amp;bogus;&amp;",
            ),
            ("a\u{7}\tb\u{85}c\u{2028} \n \n\u{feff}d  ", "a b\nc\nd"),
            ("&nbsp;\na\n\u{3000}\nb\n&nbsp;", "a\nb"),
            ("&nbsp;\u{200b}<i>\u{3000}</i>", ""),
        ] {
            assert_eq!(webvtt(text), expected, "{text}");
        }
    }

    #[test]
    fn subrip_s_markup_becomes_webvtt_s() {
        for (text, expected) in [
            (
                "<I>a</I> <em>b</em> <strong>c</strong>",
                "<i>a</i> <i>b</i> <b>c</b>",
            ),
            ("<font color=\"#FFFF00\">a</font>", "<c.yellow>a</c>"),
            ("<font face='x' color=red size=3>a</font>b", "<c.red>a</c>b"),
            (
                "<font color=#123456>a <font color=blue>b</font> c</font>",
                "a <c.blue>b</c> c",
            ),
            ("<s>a</s><br/>b<br>c<span class=x>d</span>", "a\nb\ncd"),
            (
                "{\\an8}{\\i1}a{\\i0} {\\b1\\c&HFFFFFF&}b{\\pos(1,2)}",
                "<i>a</i> <b>b</b>",
            ),
            ("{laughs} {\\open", "{laughs} {\\open"),
            (
                "<door slams> <b",
                "&lt;\u{2060}door slams&gt; &lt;\u{2060}b",
            ),
        ] {
            assert_eq!(subrip(text), expected, "{text}");
        }
        let read = CueText::read("{\\an8}a{\\an2}", Format::SubRip, UNTIL, UNTIL);
        assert_eq!(read.anchor, Some(8));
    }

    #[test]
    fn text_opens_no_tag_even_once_it_is_unescaped() {
        for text in [
            "&lt;img src=x onerror=alert(1)&gt;",
            "&lt;/p>&lt;!--&lt;?php",
            "&#60;script&#62;",
            "<v \"onload=&quot;x()&quot;>a",
            "<c.red\"onload=x>a",
        ] {
            let text = CueText::read(text, Format::WebVtt, UNTIL, UNTIL)
                .text
                .unwrap();
            let plain = text.plain();
            for opening in ["<i", "</", "<!", "<?", "<s"] {
                assert!(!plain.contains(opening), "{text:?}");
            }
            assert!(
                !text.0.contains('"') && !text.0.contains("&quot;"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn text_without_markup_is_literal() {
        let text = CueText::literal("<b> & \n {\\an8}").unwrap();
        assert_eq!(text.as_webvtt(), "&lt;\u{2060}b&gt; &amp;\n{\\an8}");
        assert_eq!(text.plain(), "<\u{2060}b> &\n{\\an8}");
        assert_eq!(CueText::literal(" \n"), None);
    }
}
