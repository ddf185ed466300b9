use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle,
};

use super::{
    problem::{Problem, Problems},
    source::SourcePlace,
};

/// In bytes; a longer line is not shown, only its position.
const MAX_LINE: usize = 2000;

impl Problems {
    /// The problems, each with its line of the file, then how many more there are. Ends with a newline.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() }
            .decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for problem in &self.shown {
            text.push_str(&renderer.render(&[group(problem)]));
            text.push_str("\n\n");
        }
        match self.left_out {
            0 => {}
            1 => text.push_str("and 1 more problem\n"),
            more => text.push_str(&format!("and {more} more problems\n")),
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

fn group(problem: &Problem) -> Group<'_> {
    let mut group = Group::with_title(Level::ERROR.primary_title(problem.mistake.message.as_str()));
    group = snippet(group, &problem.place, AnnotationKind::Primary, None);
    if let Some(other) = &problem.other {
        group = snippet(group, other, AnnotationKind::Context, Some("first here"));
    }
    match &problem.mistake.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

fn snippet<'a>(
    group: Group<'a>,
    place: &'a SourcePlace,
    kind: AnnotationKind,
    label: Option<&'static str>,
) -> Group<'a> {
    let path = place.source.path.display().to_string();
    let (line_start, line) = place.whole_line();
    if line.len() > MAX_LINE {
        let origin = Origin::path(path).line(place.line()).char_column(place.column());
        return group.element(origin);
    }
    let span = place.span.start - line_start..place.span.end - line_start;
    let annotation: Annotation<'a> = kind.span(span).label(label);
    group.element(Snippet::source(line).path(path).line_start(place.line()).annotation(annotation))
}
