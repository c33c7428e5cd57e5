//! What runs at the edge, run here: a function for CloudFront, its file unchanged, behind a stand-in for
//! CloudFront's runtime.
//!
//! The stand-in is stricter than an interpreter has to be. It refuses what CloudFront refuses (a file
//! above 10 KB, more than 2 MB of memory, syntax that its runtime lacks) and has of `crypto`, `Buffer`
//! and the key value store only what there is at the edge and is in use; all else is undefined.

mod forgeries;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reelrun_core::timestamp::Timestamp;
use rquickjs::{
    CatchResultExt as _, Context, Ctx, Function, Module, Persistent, Runtime, Value as Js,
    promise::MaybePromise,
};
use serde_json::{Value, json};
use sha2::Sha256;

pub use self::forgeries::{Forgery, Victim, forgeries};

/// The gate to private videos, as it is deployed.
pub const PLAYBACK: &str = include_str!("../../../infra/edge/playback.js");

const MOST_CODE: usize = 10 * 1024;
const MOST_MEMORY: usize = 2 << 20;

/// What the runtime has no grammar for, or no use.
const MISSING: [&str; 14] = [
    "?.",
    "??",
    "...",
    "class ",
    "yield",
    " of ",
    "const {",
    "const [",
    "let {",
    "let [",
    "import(",
    "eval(",
    "require(",
    "setTimeout(",
];

const RUNTIME: &str = include_str!("runtime.js");

/// A function that is deployed to an edge.
pub struct Edge {
    // Before the context that it lives in.
    handler: Option<Persistent<Function<'static>>>,
    context: Context,
    store: Rc<RefCell<BTreeMap<String, String>>>,
}

/// A viewer's request.
#[derive(Debug, Clone, Copy)]
pub struct Viewed<'a> {
    /// The path as it was sent.
    pub uri: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// The `Referer` header.
    pub referer: Option<&'a str>,
}

/// What the edge does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Asks its cache, and storage, for this key.
    Serve(String),
    /// Asks the API for this path.
    Call {
        /// The path.
        path: String,
        /// What it says of who asks.
        authorization: String,
    },
    /// Answers by itself.
    Refuse(u64),
}

impl Edge {
    /// Deploys a function, beside a key value store with these entries. An error is what CloudFront
    /// would refuse it for.
    pub fn deploy(code: &str, store: BTreeMap<String, String>) -> Result<Self, String> {
        if code.len() > MOST_CODE {
            return Err(format!("{} bytes of code, of {MOST_CODE}", code.len()));
        }
        let is_comment = |line: &&str| !line.trim_start().starts_with("//");
        for line in code.lines().filter(is_comment) {
            if let Some(missing) = MISSING.iter().find(|missing| line.contains(**missing)) {
                return Err(format!("there is no `{missing}` at the edge: {line}"));
            }
        }
        let runtime = Runtime::new().map_err(|why| why.to_string())?;
        runtime.set_memory_limit(MOST_MEMORY);
        let context = Context::full(&runtime).map_err(|why| why.to_string())?;
        let store = Rc::new(RefCell::new(store));
        let handler = context.with(|ctx| {
            load(&ctx, code, &store)
                .catch(&ctx)
                .map_err(|why| why.to_string())
        })?;
        Ok(Self {
            handler: Some(handler),
            context,
            store,
        })
    }

    /// The gate to private videos, with these keys in the store.
    pub fn playback(keys: &[(&str, &str)]) -> Self {
        let entry = |(id, secret): &(&str, &str)| (format!("key/{id}"), (*secret).to_owned());
        Self::deploy(PLAYBACK, keys.iter().map(entry).collect()).unwrap()
    }

    /// Stores an entry, or removes it.
    pub fn store(&self, name: &str, value: Option<&str>) {
        let mut store = self.store.borrow_mut();
        match value {
            Some(value) => store.insert(name.into(), value.into()),
            None => store.remove(name),
        };
    }

    /// What becomes of a request at a time.
    pub fn ask(&self, viewed: Viewed<'_>, now: Timestamp) -> Decision {
        let mut headers = json!({"host": {"value": viewed.host}});
        if let Some(referer) = viewed.referer {
            headers["referer"] = json!({"value": referer});
        }
        let event = json!({
            "version": "1.0",
            "context": {"eventType": "viewer-request"},
            "viewer": {"ip": "198.51.100.11"},
            "request": {
                "method": "GET", "uri": viewed.uri, "querystring": {}, "headers": headers, "cookies": {},
            },
        });
        let answer = self.call(&event, now).unwrap();
        match (answer["statusCode"].as_u64(), answer["uri"].as_str()) {
            (Some(status), None) => Decision::Refuse(status),
            (None, Some(uri)) => {
                // A request that is passed on is the viewer's, but for its path, and for who asks.
                let mut expected = event["request"].clone();
                expected["uri"] = uri.into();
                let authorization = &answer["headers"]["authorization"];
                if let Some(said) = authorization["value"].as_str() {
                    expected["headers"]["authorization"] = authorization.clone();
                    assert_eq!(answer, expected);
                    return Decision::Call {
                        path: uri.into(),
                        authorization: said.into(),
                    };
                }
                assert_eq!(answer, expected);
                Decision::Serve(uri.into())
            }
            _ => panic!("neither a request nor an answer: {answer}"),
        }
    }

    /// The function's answer to an event. An error ends as a 503 at the edge.
    pub fn call(&self, event: &Value, now: Timestamp) -> Result<Value, String> {
        self.context.with(|ctx| {
            let answer = || {
                ctx.globals().set("now", now.as_millis() as f64)?;
                let handler = self.handler.clone().expect("deployed").restore(&ctx)?;
                let answer: MaybePromise = handler.call((ctx.json_parse(event.to_string())?,))?;
                let text = ctx.json_stringify(answer.finish::<Js>()?)?;
                text.expect("an object").to_string()
            };
            let text = answer().catch(&ctx).map_err(|why| why.to_string())?;
            Ok(serde_json::from_str(&text).unwrap())
        })
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It has to be gone before its runtime.
        self.handler = None;
    }
}

fn load(
    ctx: &Ctx<'_>,
    code: &str,
    store: &Rc<RefCell<BTreeMap<String, String>>>,
) -> rquickjs::Result<Persistent<Function<'static>>> {
    let globals = ctx.globals();
    globals.set("hmac_sha256", Function::new(ctx.clone(), hmac_sha256)?)?;
    globals.set(
        "from_base64url",
        Function::new(ctx.clone(), from_base64url)?,
    )?;
    let store = Rc::clone(store);
    let stored = move |name: String| store.borrow().get(&name).cloned();
    globals.set("stored", Function::new(ctx.clone(), stored)?)?;
    ctx.eval::<(), _>(RUNTIME)?;
    for module in ["cloudfront", "crypto"] {
        Module::declare(
            ctx.clone(),
            module,
            format!("export default modules.{module};"),
        )?;
    }
    // CloudFront calls the function of that name; a module has to say that it has one.
    let code = format!("{code}\nexport {{ handler }};");
    let (module, loaded) = Module::declare(ctx.clone(), "function", code)?.eval()?;
    loaded.finish::<()>()?;
    Ok(Persistent::save(
        ctx,
        module.get::<_, Function<'_>>("handler")?,
    ))
}

fn hmac_sha256(key: String, text: String) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// As Node's, which takes what it can read and leaves out the rest.
fn from_base64url(text: String) -> String {
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let known: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    // A lone character at the end is less than a byte.
    let whole = if known.len() % 4 == 1 {
        &known[..known.len() - 1]
    } else {
        &known
    };
    String::from_utf8_lossy(&lenient.decode(whole).unwrap()).into_owned()
}
