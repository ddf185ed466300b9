/// The nearest candidate, if it can be a slip: other case, or about one letter in three changed, swapped or missing.
pub(crate) fn nearest<'c>(
    text: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let text = plain(text);
    let length = text.chars().count();
    // Too long for a slip, and the time grows with the product of the lengths.
    if length > 128 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 4 * 128)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&text, &plain(candidate));
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= (length.max(candidate.chars().count()) / 3).max(1) && *distance < length
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

pub(crate) fn did_you_mean(text: &str, otherwise: &str, candidates: &[&str]) -> String {
    match nearest(text, candidates.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("{otherwise} {}", candidates.join(", ")),
    }
}

fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["sub_partners", "types", "periods", "name"];
        for (text, meant) in [
            ("subpartners", Some("sub_partners")),
            ("sub-partners", Some("sub_partners")),
            ("Types", Some("types")),
            ("tpyes", Some("types")),
            ("period", Some("periods")),
            ("", None),
            ("x", None),
            ("wholesale", None),
        ] {
            assert_eq!(nearest(text, keys), meant, "{text}");
        }
    }
}
