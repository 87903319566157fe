//! What both shells need of the machine beside their own rooms.

/// Reads the body of an answer; `None` where it has more bytes than this.
pub(crate) async fn body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> reqwest::Result<Option<String>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > max_bytes {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}
