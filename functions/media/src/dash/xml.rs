//! As much of XML as a manifest needs: elements with attributes and text.

use std::fmt;

use quick_xml::escape::escape;

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    pub(super) fn attribute(self, name: &'static str, value: impl ToString) -> Self {
        self.attributes([(name, value.to_string())])
    }

    pub(super) fn attributes(
        mut self,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        self.attributes.extend(attributes);
        self
    }

    /// What stands in it, before its children.
    pub(super) fn text(mut self, text: impl ToString) -> Self {
        self.text = text.to_string();
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    #[cfg(test)]
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find_map(|(known, value)| (*known == name).then_some(&**value))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", escape(value))?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return f.write_str("/>");
        }
        write!(f, ">{}", escape(&self.text))?;
        for child in &self.children {
            child.fmt(f)?;
        }
        write!(f, "</{}>", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_t_end_its_attribute() {
        let value = r#"a" b='<&>'"#;
        let element = Element::new("A").attribute("b", value);
        let text = element.to_string();
        assert_eq!(text, r#"<A b="a&quot; b=&apos;&lt;&amp;&gt;&apos;"/>"#);
        let element = Element::new("A").text("</A>").children([Element::new("B")]);
        assert_eq!(element.to_string(), "<A>&lt;/A&gt;<B/></A>");
    }
}
