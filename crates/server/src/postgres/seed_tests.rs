//! Tests of seeds with several servers, and of their records.

use futures::future::join_all;
use uuid::Uuid;

use super::testing;
use crate::storage::contract::seeds::seed;
use crate::storage::{DatasetStore, SeedStore, Window};

const WORKSPACE: Uuid = Uuid::from_u128(1);

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_together_insert_a_seed_once() {
    let Some([first, second]) = testing::servers().await else { return };
    let inserting = (0..6).map(|n| {
        let server = if n % 2 == 0 { &first } else { &second };
        server.insert_seed(WORKSPACE, Uuid::nil(), seed(1, &["a", "b"]))
    });
    join_all(inserting).await.into_iter().for_each(Result::unwrap);
    let window = Window { offset: 0, limit: 10 };
    assert_eq!(second.datasets(WORKSPACE, None, window).await.unwrap().count, 2);

    let mut connection = first.database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    let sql = "SELECT r.key & 4294967295, r.payload, r.source, d.record_count, u.live, u.size FROM records r \
               JOIN runs u ON u.id = r.key >> 32 JOIN datasets d ON d.id = u.dataset WHERE u.ordinal = 1 AND d.name = 'a' \
               ORDER BY r.key";
    let rows = transaction.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 3);
    for (position, row) in (0..).zip(&rows) {
        assert_eq!(row.get::<_, i64>(0), position);
        assert_eq!(row.get::<_, &str>(1), format!("{{\"n\": {position}}}"));
        assert_eq!(row.get::<_, &str>(2), "DIRECT_INPUT");
        assert_eq!([3, 4, 5].map(|column| row.get::<_, i64>(column)), [3, 3, 3]);
    }
}
