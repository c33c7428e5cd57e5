// Of CloudFront's runtime (cloudfront-js-2.0), what our functions use. `hmac_sha256`, `from_base64url`,
// `stored` and `now` are the harness's.
const modules = {
  cloudfront: {
    kvs: () => ({
      get: async (name) => {
        const value = stored(name);
        if (value === undefined || value === null) {
          throw new Error('KeyNotFound');
        }
        return value;
      },
    }),
  },
  crypto: {
    createHmac: (hash, key) => {
      if (hash !== 'sha256') {
        throw new Error('not a hash that is in use: ' + hash);
      }
      let text = '';
      return {
        update(more) {
          text += more;
          return this;
        },
        digest: (encoding) => {
          if (encoding !== 'base64url') {
            throw new Error('not an encoding that is in use: ' + encoding);
          }
          return hmac_sha256(key, text);
        },
      };
    },
  },
};

const Buffer = {
  from: (text, encoding) => {
    if (encoding !== 'base64url') {
      throw new Error('not an encoding that is in use: ' + encoding);
    }
    return { toString: () => from_base64url(text) };
  },
};

Date.now = () => now;
delete globalThis.eval;
