//! Notices that a stack gave, and a receiver of webhooks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use aws_sdk_sfn::{Client, types::ExecutionListItem};
use serde_json::Value;

use crate::stack::Stack;

/// The executions that deliver notices whose names begin so.
pub async fn notices(stack: &Stack, name: &str) -> Vec<ExecutionListItem> {
    let mut pages = Client::new(&stack.aws())
        .list_executions()
        .state_machine_arn(&stack.notify_machine_arn)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let executions = page.unwrap().executions;
        found.extend(executions.into_iter().filter(|e| e.name.starts_with(name)));
    }
    found
}

/// What an execution was started with.
pub async fn input(stack: &Stack, execution: &ExecutionListItem) -> Value {
    let client = Client::new(&stack.aws());
    let found = client
        .describe_execution()
        .execution_arn(&execution.execution_arn);
    serde_json::from_str(&found.send().await.unwrap().input.unwrap()).unwrap()
}

/// A request that the receiver got.
#[derive(Debug, Clone)]
pub struct Received {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

impl Received {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// A receiver of webhooks on this machine.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Answers the first requests with these statuses, and all others with 200.
    pub fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (kept, statuses) = (Arc::clone(&received), statuses.to_vec());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let mut headers = Vec::new();
                loop {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim_end().split_once(": ") else {
                        break;
                    };
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
                let length = headers.iter().find(|(name, _)| name == "content-length");
                let length = length.map_or(0, |(_, length)| length.parse().unwrap());
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let mut kept = kept.lock().unwrap();
                let status = statuses.get(kept.len()).copied().unwrap_or(200);
                kept.push(Received { headers, body });
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, received }
    }

    /// What it got so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}
