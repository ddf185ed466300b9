use proptest::prelude::*;

use super::*;
use request::Period;

fn request(org: Option<&str>, internal: bool) -> Request {
    Request {
        sub_partner: org.map(|org| org.parse().unwrap()),
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal,
    }
}

#[test]
fn a_create_says_no_more_than_it_must() {
    let json = |request: &Request| serde_json::to_string(&CreateBody::from(request)).unwrap();
    assert_eq!(
        json(&request(None, false)),
        r#"{"billingStartDate":"2026-09-01","billingEndDate":"2026-09-30","type":"USER"}"#
    );
    assert_eq!(
        json(&request(Some("org"), true)),
        r#"{"billingStartDate":"2026-09-01","billingEndDate":"2026-09-30","type":"USER","subPartnerOrgId":"org","internal":true}"#
    );
}

#[test]
fn a_created_report_needs_an_id() {
    let id = |json: &str| read::<WireReport>(json).map(|report| report.id.to_string());
    assert_eq!(id(r#"{"new":[1],"id":"abc"}"#).as_deref(), Some("abc"));
    for json in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":7}"#,
        r#"{"id":"a b"}"#,
        r#"{"id":"a"}{"id":"b"}"#,
        r#"{"id":"abc""#,
        r#"{"id":"a","id":"b"}"#,
        r#"{"id":"abc\ud83d"}"#,
    ] {
        assert_eq!(id(json), None, "{json}");
    }
}

#[test]
fn listed_reports_are_read_leniently_but_for_their_id() {
    let json = r#"{"items":[
        {"id":"a","billingStartDate":"2026-09-01","billingEndDate":"2026-09-30T00:00:00Z","type":"user",
         "created":"2026-10-01T02:00:00.5+02:00","internal":true,"subPartnerOrgId":"o","status":"COMPLETED","x":{},
         "category":"RECONCILIATION","createdBy":"person"},
        {"id":"b","tempDownloadURL":"https://h/x?Signature=s","errors":[{"code":7,"description":"no\n data"},{"code":"8"},{}],"created":"2026-10-01T00:00:00"},
        {"id":"c","billingStartDate":7,"billingEndDate":"äääää","type":"MONTH","created":"today","internal":"no","status":null,"category":1,"createdBy":{}}
    ]}"#;
    let reports: Vec<Listed> =
        read::<WireReports>(json).unwrap().items.into_iter().map(Listed::from).collect();
    let bare = |id: &str| Listed::bare(id.parse().unwrap());
    let moment = |text: &str| Some(text.parse().unwrap());
    let period = Period::month(2026, 9).unwrap();
    assert_eq!(
        reports,
        [
            Listed {
                start: Some(period.start()),
                end: Some(period.end()),
                report_type: Some(ReportType::User),
                category: Some("RECONCILIATION".to_owned()),
                created: moment("2026-10-01T00:00:00.5Z"),
                created_by: Some("person".parse().unwrap()),
                internal: Some(true),
                sub_partner: Some("o".parse().unwrap()),
                status: Some("COMPLETED".to_owned()),
                ..bare("a")
            },
            Listed {
                download: Some("https://h/x?Signature=s".parse().unwrap()),
                errors: Some("7: no data; 8".to_owned()),
                ..bare("b")
            },
            bare("c"),
        ]
    );
    for json in [r#"{"items":[{"id":"a"},{}]}"#, "{}", r#"{"items":null}"#, "[]"] {
        assert!(read::<WireReports>(json).is_none(), "{json}");
    }
}

#[test]
fn sub_partners_are_those_asked_for() {
    let entries = r#"[{"orgId":"a","provisioningState":"active"},{"orgId":"s","provisioningState":"SUSPENDED"},{"orgId":"n"}]"#;
    for key in ["items", "subPartners"] {
        let json = format!(r#"{{"{key}":{entries}}}"#);
        for (which, found) in
            [(Discover::Active, "a n"), (Discover::Suspended, "s n"), (Discover::All, "a s n")]
        {
            let page: WireSubPartners = read(&json).unwrap();
            assert!(!page.is_full());
            let orgs = page.only(which).unwrap();
            let ids: Vec<String> = orgs.iter().map(OrgId::to_string).collect();
            assert_eq!(ids.join(" "), found);
        }
    }
    for json in [r#"{"items":[{"orgId":7}]}"#, r#"{"items":[{}]}"#, "{}"] {
        assert!(read::<WireSubPartners>(json).is_none(), "{json}");
    }
    // One that nobody asked for does no harm.
    let json = r#"{"items":[{"orgId":"a"},{"orgId":"b c","provisioningState":"suspended"}]}"#;
    let page = || read::<WireSubPartners>(json).unwrap();
    assert_eq!(page().only(Discover::Active).unwrap().len(), 1);
    let (id, _) = page().only(Discover::All).unwrap_err();
    assert_eq!(id, "b c");
}

#[test]
fn queries_name_what_is_asked_for() {
    let url: Url = "http://127.0.0.1/v1/x".parse().unwrap();
    let all = list_url(url.clone(), &ListQuery::default(), 100);
    assert_eq!(all.query(), Some("max=100"));
    let query = ListQuery {
        sub_partner: Some("a&b=".parse().unwrap()),
        report_type: Some(ReportType::Partner),
        period: Some(Period::month(2026, 9).unwrap()),
        status: Some("IN_PROGRESS"),
    };
    assert_eq!(
        list_url(url.clone(), &query, 50).query(),
        Some(
            "max=50&billingStartDate=2026-09-01&billingEndDate=2026-09-30&type=PARTNER&subPartnerOrgId=a%26b%3D&status=IN_PROGRESS"
        )
    );
    let first = sub_partners_url(url.clone(), Discover::Active);
    assert_eq!(first.query(), Some("max=100&provisioningState=active"));
    let second = next_offset(&first).unwrap();
    assert_eq!(second.query(), Some("max=100&provisioningState=active&offset=100"));
    assert_eq!(
        next_offset(&second).unwrap().query(),
        Some("max=100&provisioningState=active&offset=200")
    );
    let foreign: Url = "http://127.0.0.1/v1/x?cursor=abc".parse().unwrap();
    assert_eq!(next_offset(&foreign), None);
    assert_eq!(sub_partners_url(url, Discover::All).query(), Some("max=100"));
}

proptest! {
    #[test]
    fn no_escape_panics(text in r#"\{"a":"(\\|u|d8|3d|de0|0|x|"|ä|\n){0,12}""#) {
        let _ = read::<Value>(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (read::<WireReport>(&text).is_some(), read::<WireReports>(&text).is_some());
    }

    #[test]
    fn no_text_in_a_lenient_place_makes_a_report_unreadable(text in any::<String>()) {
        let fields = serde_json::json!({
            "id": "a", "billingStartDate": text, "billingEndDate": text, "type": text, "created": text,
            "category": text, "createdBy": text,
            "internal": text, "subPartnerOrgId": text, "status": text,
        });
        prop_assert!(read::<WireReport>(&fields.to_string()).is_some());
    }
}
