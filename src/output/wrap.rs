//! Wraps lines between words, where a terminal would break them anywhere.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

const HANG: usize = 2;

/// `width` in columns. A longer word, such as a path, stays whole: half of it cannot be copied.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let rest = " ".repeat(indent + HANG);
    let options = Options::new(width)
        .subsequent_indent(&rest)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(line, options)
}

/// Wraps sentences. Indented lines are to be copied as they stand, or show a place in a file.
pub(super) fn sentences(text: &str, width: usize) -> String {
    let lines = text
        .split('\n')
        .map(|line| if line.starts_with(' ') { line.to_owned() } else { wrapped(line, width) });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_between_words_and_go_on_further_in() {
        let text = "the server asks for a wait\n  monthend run october-of-2026.yaml";
        assert_eq!(
            sentences(text, 20),
            "the server asks for\n  a wait\n  monthend run october-of-2026.yaml"
        );
        assert_eq!(wrapped("    out of order", 10), "    out of\n      order");
        assert_eq!(
            wrapped("at /a/path/of/many/parts now", 8),
            "at\n  /a/path/of/many/parts\n  now"
        );
        assert_eq!(
            wrapped("\u{1b}[33mwarning:\u{1b}[0m now", 12),
            "\u{1b}[33mwarning:\u{1b}[0m now"
        );
    }

    proptest! {
        #[test]
        fn every_word_stays_whole(text in "[a-z\u{e4}\u{65e5} ]{0,80}", width in 1usize..40) {
            let wrapped = wrapped(&text, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&text));
            for line in wrapped.lines() {
                let is_one_word = line.split_whitespace().count() <= 1;
                prop_assert!(console::measure_text_width(line) <= width || is_one_word, "{:?}", line);
            }
        }
    }
}
