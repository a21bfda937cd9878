/**
 * What CloudFront Functions find beside the language: `console`, `require` of `crypto`, `querystring`,
 * `cloudfront` (its key value store) and `buffer`, `Buffer`, `atob`, `btoa`. It runs inside the engine before
 * the function; `host` is handed in.
 */
export const PRELUDE = `(function (host) {
  'use strict';
  const fail = (message) => { throw new TypeError(message); };
  const toHex = (bytes) => Array.from(bytes, (byte) => (byte & 255).toString(16).padStart(2, '0')).join('');
  const fromHex = (hex) => {
    const bytes = new Uint8Array(hex.length / 2);
    for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.substr(i * 2, 2), 16);
    return bytes;
  };
  const hexOf = (data, encoding) =>
    typeof data === 'string' ? host.bytes(data, encoding || 'utf8') : toHex(data);
  class Buffer extends Uint8Array {
    static from(data, encoding) {
      const bytes = typeof data === 'string' ? fromHex(host.bytes(data, encoding || 'utf8')) : data;
      const buffer = new Buffer(bytes.length);
      buffer.set(bytes);
      return buffer;
    }
    static alloc(size, fill) { return new Buffer(size).fill(fill || 0); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(text, encoding) { return host.bytes(text, encoding || 'utf8').length / 2; }
    static concat(list) {
      const buffer = new Buffer(list.reduce((sum, one) => sum + one.length, 0));
      let at = 0;
      for (const one of list) { buffer.set(one, at); at += one.length; }
      return buffer;
    }
    static compare(a, b) { const [x, y] = [toHex(a), toHex(b)]; return x < y ? -1 : x > y ? 1 : 0; }
    toString(encoding) { return host.text(toHex(this), encoding || 'utf8'); }
    equals(other) { return toHex(this) === toHex(other); }
    slice(from, to) { return this.subarray(from, to); }
  }
  const hash = (name, key) => {
    const parts = [];
    return {
      update(data, encoding) { parts.push(hexOf(data, encoding)); return this; },
      digest(encoding) {
        const hex = host.digest(name, key === undefined ? '' : 'h' + key, parts.join(''));
        return encoding === undefined ? Buffer.from(fromHex(hex)) : host.text(hex, encoding);
      },
    };
  };
  const decode = (text) => {
    try { return decodeURIComponent(text.replace(/\\+/g, ' ')); } catch { return text; }
  };
  const modules = {
    crypto: { createHash: (name) => hash(name), createHmac: (name, key) => hash(name, hexOf(key)) },
    buffer: { Buffer },
    querystring: {
      escape: encodeURIComponent,
      unescape: decode,
      parse(text, separator, equals) {
        const found = {};
        for (const pair of String(text).split(separator || '&')) {
          if (pair === '') continue;
          const at = pair.indexOf(equals || '=');
          const name = decode(at < 0 ? pair : pair.slice(0, at));
          const value = at < 0 ? '' : decode(pair.slice(at + (equals || '=').length));
          if (!Object.hasOwn(found, name)) found[name] = value;
          else found[name] = [].concat(found[name], value);
        }
        return found;
      },
      stringify(values, separator, equals) {
        return Object.entries(values).flatMap(([name, value]) => [].concat(value).map((one) =>
          encodeURIComponent(name) + (equals || '=') + encodeURIComponent(one))).join(separator || '&');
      },
    },
  };
  const values = {
    async get(key, options) {
      const found = host.value(String(key));
      if (found === '') throw new Error('KeyNotFound: there is no key ' + key);
      const format = (options && options.format) || 'string';
      const value = found.slice(1);
      if (format === 'string') return value;
      if (format === 'json') return JSON.parse(value);
      return format === 'bytes' ? Buffer.from(value) : fail('no such format: ' + format);
    },
    async exists(key) { return host.value(String(key)) !== ''; },
    async meta() { return JSON.parse(host.facts()); },
    async count() { return JSON.parse(host.facts()).keyCount; },
  };
  modules.cloudfront = {
    kvs: () => host.facts() === '' ? fail('this function has no key value store') : values,
  };
  const isText = (one) => typeof one === 'string' || one instanceof Error;
  const shown = (one) => isText(one) ? String(one) : JSON.stringify(one);
  const line = (...parts) => host.log(parts.map(shown).join(' '));
  globalThis.console = { log: line, error: line, warn: line, info: line, debug: line };
  globalThis.Buffer = Buffer;
  globalThis.atob = (text) => host.text(host.bytes(String(text), 'base64'), 'latin1');
  globalThis.btoa = (text) => host.text(host.bytes(String(text), 'latin1'), 'base64');
  globalThis.require = (name) => Object.hasOwn(modules, name) ? modules[name]
    : fail('no such module: ' + name);
  String.bytesFrom = (data, encoding) => host.text(hexOf(data, encoding), 'latin1');
  globalThis.eval = () => fail('eval is not allowed');
})`;

/** What stands behind the code of a module: functions are called by their names. */
export const EXPOSE = '\n;globalThis.handler = handler;';

/** The code of a module that a function imports: what `require` gives, whole and by name. */
export function moduleCode(name: string): string | undefined {
  const names = MODULE_NAMES[name];
  if (names === undefined) return undefined;
  const all = names.map((one) => `export const ${one} = all.${one};`).join('');
  return `const all = require('${name}'); export default all; ${all}`;
}

const MODULE_NAMES: Readonly<Record<string, readonly string[]>> = {
  buffer: ['Buffer'],
  cloudfront: ['kvs'],
  crypto: ['createHash', 'createHmac'],
  querystring: ['escape', 'unescape', 'parse', 'stringify'],
};

/** Calls the function: gives a promise of the result as JSON. */
export const CALL = `(function (text) {
  if (typeof handler !== 'function') throw new TypeError('there is no function handler');
  return Promise.resolve(handler(JSON.parse(text))).then((result) => JSON.stringify(result));
})`;
