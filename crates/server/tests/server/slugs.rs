//! Slugs of names in other scripts than Latin.

use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::Dataset;

use crate::support::{Api, DATASETS};

#[tokio::test]
async fn slugs_of_other_scripts_are_ascii_and_address_their_dataset() {
    let api = Api::start().await;
    let mut slugs = Vec::new();
    for name in
        ["客服对话数据", "Вопросы о возврате", "أسئلة العملاء", "😀😀😀😀😀", "日本語 データ"]
    {
        let created = api.create_dataset(name).await;
        assert_eq!(created.name, name);
        let slug = created.slug.clone().unwrap();
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(slug.bytes().all(is_allowed) && !slug.starts_with("dataset"), "{slug}");
        let found: Dataset = api.get(&format!("{DATASETS}/{slug}")).await.json(200);
        assert_eq!(found, created);
        slugs.push(slug);
    }
    assert_eq!(slugs[0], "ke-fu-dui-hua-shu-ju");
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), 5);
}

#[tokio::test]
async fn names_with_the_same_transliteration_get_numbers() {
    let api = Api::start().await;
    let mut slugs = Vec::new();
    for name in ["Ke fu dui hua", "客服对话 ", "客服对话!", "\u{e000}\u{e001}\u{e002}!!", "?!?!?"]
    {
        slugs.push(api.create_dataset(name).await.slug.unwrap());
    }
    let expected = ["ke-fu-dui-hua", "ke-fu-dui-hua-2", "ke-fu-dui-hua-3", "dataset", "dataset-2"];
    assert_eq!(slugs, expected);
}

#[tokio::test]
async fn existing_slugs_do_not_change() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        || ServerConfig::default().data(DataLocation::Directory(directory.path().to_owned()));
    let api = Api::start_with(config()).await;
    let created = api.create_dataset("客服对话数据").await;
    api.server.shutdown().await;
    // The slug that an earlier version gave this name.
    let database = rusqlite::Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
    database.execute("UPDATE datasets SET slug = 'dataset'", []).unwrap();
    drop(database);

    let api = Api::start_with(config()).await;
    let found: Dataset = api.get(&format!("{DATASETS}/dataset")).await.json(200);
    assert_eq!((found.id, found.slug.as_deref()), (created.id, Some("dataset")));
    let renamed = api.patch(&format!("{DATASETS}/dataset"), r#"{"name": "Другие"}"#).await;
    assert_eq!(renamed.json::<Dataset>(200).slug.as_deref(), Some("dataset"));
}
