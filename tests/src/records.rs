//! Records changed behind the product's back, to make up what takes days or bad luck.

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use crate::stack::Stack;

/// A text in a record.
pub fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number in a record.
pub fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Changes a video's record; `#status` and `#error` stand for those two reserved words.
pub async fn change(stack: &Stack, id: &str, update: &str, values: &[(&str, AttributeValue)]) {
    let mut request = Client::new(&stack.aws())
        .update_item()
        .table_name(&stack.videos_table)
        .key("id", s(id))
        .update_expression(update);
    for name in ["status", "error"] {
        if update.contains(&format!("#{name}")) {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
    }
    for (name, value) in values {
        request = request.expression_attribute_values(*name, value.clone());
    }
    request.send().await.unwrap();
}

/// Removes a video's record.
pub async fn forget(stack: &Stack, id: &str) {
    let client = Client::new(&stack.aws());
    let request = client.delete_item().table_name(&stack.videos_table);
    request.key("id", s(id)).send().await.unwrap();
}
