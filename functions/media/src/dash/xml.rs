//! As much of XML as a manifest needs: elements with attributes.

use std::fmt;

use quick_xml::escape::escape;

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Self>,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
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
        if self.children.is_empty() {
            return f.write_str("/>");
        }
        f.write_str(">")?;
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
    }
}
