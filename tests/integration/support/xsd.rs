//! JUnit XML against the schema that Jenkins' xUnit plugin refuses files by, `tests/schemas/junit-10.xsd`.

use roxmltree::{Document, Node};

/// Panics where the text is no XML, or has an element, an attribute, a text or a place that the schema lacks. Of the
/// language of schemas it knows what that one uses, but for orders and numbers: there everything may repeat.
#[track_caller]
pub(crate) fn is_junit(xml: &str) {
    let schema = include_str!("../../schemas/junit-10.xsd");
    let schema = Document::parse(schema).unwrap();
    let document = Document::parse(xml).unwrap_or_else(|e| panic!("{e}: {xml}"));
    assert!(document.root_element().has_tag_name("testsuites"));
    for element in document.descendants().filter(Node::is_element) {
        fits(schema.root_element(), element);
    }
}

#[track_caller]
fn fits(schema: Node<'_, '_>, element: Node<'_, '_>) {
    let name = element.tag_name().name();
    let is_it = |n: &Node<'_, '_>| n.attribute("name") == Some(name);
    let declared = schema.children().filter(|n| n.tag_name().name() == "element");
    let declared = declared.clone().find(is_it);
    let declared = declared.unwrap_or_else(|| panic!("<{name}> is not in the schema"));
    let has_text =
        element.children().any(|n| n.is_text() && !n.text().unwrap_or_default().trim().is_empty());
    if declared.attribute("type") == Some("xs:string") {
        assert_eq!(element.attributes().count(), 0, "<{name}>");
        assert!(element.children().all(|n| n.is_text()), "<{name}>");
        return;
    }
    let inner =
        |tag: &'static str| declared.descendants().filter(move |n| n.tag_name().name() == tag);
    let is_mixed = inner("complexType").any(|n| n.attribute("mixed") == Some("true"));
    assert!(is_mixed || !has_text, "text in <{name}>");
    let children = element.children().filter(Node::is_element);
    for child in children.map(|child| child.tag_name().name()) {
        let is_known = inner("element").any(|n| n.attribute("ref") == Some(child));
        assert!(is_known, "<{child}> in <{name}>");
    }
    for attribute in element.attributes() {
        let known = inner("attribute").find(|n| n.attribute("name") == Some(attribute.name()));
        let known = known.unwrap_or_else(|| panic!("{} of <{name}>", attribute.name()));
        if known.attribute("type") == Some("SUREFIRE_TIME") {
            let is_time = attribute.value().chars().all(|c| c.is_ascii_digit() || c == '.');
            assert!(is_time, "{attribute:?}");
        }
    }
    for required in inner("attribute").filter(|n| n.attribute("use") == Some("required")) {
        let needed = required.attribute("name").unwrap();
        assert!(element.attribute(needed).is_some(), "<{name}> without {needed}");
    }
}
