//! Reads pages: their tags, their texts, their links and their forms. It takes only the HTML that the console writes:
//! each attribute has its value in double quotes, or none.

use std::collections::BTreeMap;

/// A start tag.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    /// Where the page goes on behind it.
    end: usize,
}

impl Tag {
    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// A form that changes something.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) action: String,
    /// The fields that it sends if nothing is filled in, without those of its buttons.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) buttons: Vec<Button>,
}

/// A button that sends a form.
#[derive(Clone, Debug)]
pub(super) struct Button {
    pub(super) text: String,
    /// Where it sends the form, if not to the form's own action.
    pub(super) action: Option<String>,
    /// The field that it adds.
    pub(super) field: Option<(String, String)>,
}

/// All start tags of a page. A page that no browser could read otherwise is an error.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(begin) = html[at..].find('<') {
        at += begin + 1;
        let is_start = html[at..].starts_with(|c: char| c.is_ascii_alphabetic());
        if is_start {
            let tag = tag(html, at);
            at = tag.end;
            tags.push(tag);
        }
    }
    tags
}

/// The tag whose name begins here.
fn tag(html: &str, from: usize) -> Tag {
    let (name, mut rest) = word(&html[from..]);
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            let end = html.len() - after.len();
            return Tag {
                name: name.to_owned(),
                attributes,
                end,
            };
        }
        let attribute;
        (attribute, rest) = word(rest);
        assert!(!attribute.is_empty(), "no tag: {:.200}", &html[from..]);
        let value = match rest.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("a closed quote");
                rest = after;
                unescaped(value)
            }
            None => String::new(),
        };
        attributes.insert(attribute.to_owned(), value);
    }
}

/// The name of a tag or an attribute at the beginning of a text, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '=');
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// A text of HTML as it is shown.
pub(super) fn unescaped(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// What a page says, without its tags; between two tags is a space.
pub(super) fn text(html: &str) -> String {
    let mut parts = html.split('<');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push(' ');
        text += part.split_once('>').map_or("", |(_, shown)| shown);
    }
    let text = unescaped(&text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The pages of the console that a page links to, without their fragments.
pub(super) fn links(html: &str) -> Vec<String> {
    let tags = tags(html).into_iter();
    let targets = tags.filter(|tag| tag.name == "a").map(|tag| {
        let target = tag.get("href");
        target.split('#').next().unwrap_or_default().to_owned()
    });
    targets.filter(|target| target.starts_with('/')).collect()
}

/// The forms of a page that change something.
pub(super) fn forms(html: &str) -> Vec<Form> {
    let all = tags(html);
    let forms = all.iter().filter(|tag| tag.name == "form");
    let forms = forms.filter(|tag| tag.get("method").eq_ignore_ascii_case("post"));
    forms.map(|tag| form(html, tag, &all)).collect()
}

/// A form with its fields, which can be in it, or elsewhere and name it.
fn form(html: &str, form: &Tag, all: &[Tag]) -> Form {
    let end = form.end + behind(html, form, "</form>").len();
    let is_in = |tag: &&Tag| match tag.attributes.get("form") {
        Some(owner) => !owner.is_empty() && owner == form.get("id"),
        None => (form.end..end).contains(&tag.end),
    };
    let (mut fields, mut buttons) = (BTreeMap::new(), Vec::new());
    for tag in all.iter().filter(is_in) {
        let (name, value) = (tag.get("name"), tag.get("value"));
        if tag.name == "button" && tag.get("type") != "button" {
            buttons.push(Button {
                text: text(behind(html, tag, "</button>")),
                action: tag.attributes.get("formaction").cloned(),
                field: (!name.is_empty()).then(|| (name.to_owned(), value.to_owned())),
            });
        } else if let Some(value) = sent(html, tag).filter(|_| !name.is_empty()) {
            fields.insert(name.to_owned(), value);
        }
    }
    Form {
        action: form.get("action").to_owned(),
        fields,
        buttons,
    }
}

/// What a browser sends for a field that nobody has changed; `None` if it sends nothing.
fn sent(html: &str, tag: &Tag) -> Option<String> {
    let has = |name: &str| tag.attributes.contains_key(name);
    match (tag.name.as_str(), tag.get("type")) {
        ("input", "checkbox" | "radio") if !has("checked") => None,
        ("input", "file") => None,
        ("input", _) => Some(tag.get("value").to_owned()),
        ("textarea", _) => {
            let inner = unescaped(behind(html, tag, "</textarea>"));
            Some(inner.strip_prefix('\n').unwrap_or(&inner).to_owned())
        }
        ("select", _) => Some(chosen(behind(html, tag, "</select>"))),
        _ => None,
    }
}

/// The HTML between a tag and its end.
fn behind<'a>(html: &'a str, tag: &Tag, end: &str) -> &'a str {
    html[tag.end..].split(end).next().unwrap_or_default()
}

/// Whether a tag is within a label.
pub(super) fn is_in_label(html: &str, all: &[Tag], tag: &Tag) -> bool {
    let mut labels = all.iter().filter(|label| label.name == "label");
    labels.any(|label| {
        let end = label.end + behind(html, label, "</label>").len();
        label.end < tag.end && tag.end <= end
    })
}

/// The option of a list that is selected: the first one unless another is.
fn chosen(options: &str) -> String {
    let options = tags(options);
    let is_selected = |tag: &&Tag| tag.attributes.contains_key("selected");
    let chosen = options.iter().find(is_selected).or(options.first());
    chosen.map_or("", |option| option.get("value")).to_owned()
}

/// Asserts that nothing in a page acts but what the console itself has put there, whatever it shows.
pub(super) fn assert_inert(html: &str) {
    for tag in tags(html) {
        let is_own_script = tag.name != "script" || tag.get("src").starts_with("/assets/");
        assert!(is_own_script, "{tag:?}");
        let foreign = [
            "iframe", "object", "embed", "base", "style", "img", "template",
        ];
        assert!(!foreign.contains(&tag.name.as_str()), "{tag:?}");
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "style", "{tag:?}");
            if matches!(name.as_str(), "href" | "src" | "action" | "formaction") {
                assert!(
                    value.starts_with('/') && !value.starts_with("//") || value.starts_with('#'),
                    "{tag:?}"
                );
            }
        }
    }
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    let found = html.char_indices().find(|(_, c)| turns(*c) || hidden(*c));
    let around = found.map(|(at, _)| &html[html.floor_char_boundary(at.saturating_sub(200))..at]);
    assert_eq!(found, None, "a character that acts, behind {around:?}");
}

#[test]
fn forms_and_links_are_found() {
    let html = "<a href=\"/shards?a=1&amp;b=2#c\">x</a><form id=\"f\" method=\"post\" action=\"/do\"><label>Why\
         <input name=\"why\" value=\"a &quot;b&quot;\" required></label><input type=\"radio\" name=\"no\" value=\"1\">\
         <select name=\"s\"><option value=\"1\">one</option><option value=\"2\" selected>two</option></select>\
         <textarea name=\"t\">\nx &lt; y</textarea><button name=\"go\" value=\"1\">Activate <b>it</b></button></form>\
         <form action=\"/search\"><input name=\"q\"></form><input form=\"f\" name=\"note\" value=\"n\">\
         <button form=\"f\" formaction=\"/try\">Try</button>";
    assert_eq!(links(html), ["/shards?a=1&b=2"]);
    let found = forms(html);
    assert_eq!((found.len(), &*found[0].action), (1, "/do"));
    let fields: Vec<_> = found[0].fields.iter().map(|(a, b)| (&**a, &**b)).collect();
    let expected = [
        ("note", "n"),
        ("s", "2"),
        ("t", "x < y"),
        ("why", "a \"b\""),
    ];
    assert_eq!(fields, expected);
    let [go, elsewhere] = &*found[0].buttons else {
        panic!("{found:?}")
    };
    assert_eq!((&*go.text, &go.action), ("Activate it", &None));
    assert_eq!(go.field, Some(("go".to_owned(), "1".to_owned())));
    assert_eq!(
        (elsewhere.action.as_deref(), &elsewhere.field),
        (Some("/try"), &None)
    );
    let all = tags(html);
    let labelled = all.iter().filter(|tag| is_in_label(html, &all, tag));
    assert_eq!(labelled.count(), 1);
}

#[test]
fn a_page_that_acts_is_noticed() {
    for html in [
        "<script>alert(1)</script>",
        "<p onclick=\"x\">",
        "<p style=\"color:red\">",
        "<a href=\"javascript:x\">",
        "<a href=\"//elsewhere.example/\">",
        "<img src=\"/x\">",
        "\u{202e}",
        "\u{0}",
    ] {
        let found = std::panic::catch_unwind(|| assert_inert(html));
        assert!(found.is_err(), "{html:?}");
    }
    assert_inert("<p title=\"&lt;script&gt;\">&lt;script&gt;</p><svg viewBox=\"0 0 1 1\"/>");
}
