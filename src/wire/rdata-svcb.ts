import type { OctetSink, Token, TokenCursor } from './presentation.ts';
import { decodeText, putOctets, quote, RDATA_MAX } from './presentation.ts';
import type { FieldCodec, RdataReader } from './rdata-field.ts';
import { putNumber, takeNumber, takeOctets } from './rdata-field.ts';
import { INVALID_KEY, paramKey, paramName, SVC_PARAM, valueCodec } from './rdata-svcb-values.ts';

/** One SvcParam: its key and its value in wire form. */
interface SvcParam {
  readonly key: number;
  readonly value: Uint8Array;
}

/**
 * SvcParams to the end (RFC 9460 §2.1): `key`, `key=value`, `key="value"`, in any order; on the wire in the
 * order of their keys, each once. Priority 0 (AliasMode, §2.4.2) takes none. The RDATA must begin at octet
 * 0 of the sink.
 */
export const svcParams: FieldCodec = {
  mayBeEmpty: true,
  parse(cursor, sink) {
    const params: SvcParam[] = [];
    const seen = new Set<number>();
    while (cursor.next < cursor.tokens.length) {
      const start = cursor.next;
      const param = parseParam(cursor);
      const wrong =
        typeof param === 'string'
          ? param
          : seen.has(param.key)
            ? `${paramName(param.key)} is given twice`
            : undefined;
      if (wrong !== undefined || typeof param === 'string') {
        cursor.next = start;
        return wrong;
      }
      seen.add(param.key);
      params.push(param);
    }
    params.sort((left, right) => left.key - right.key);
    const wrong = checkParams(params, isAlias(sink.octets));
    if (wrong !== undefined) {
      cursor.next -= params.length > 0 ? 1 : 0;
      return wrong;
    }
    for (const { key, value } of params) {
      putNumber(sink, key, 2);
      putNumber(sink, value.length, 2);
      putOctets(sink, value);
    }
    return undefined;
  },
  format(reader) {
    const params = takeParams(reader);
    reader.wrong ??= checkParams(params, isAlias(reader.octets));
    return params.map(formatParam).join(' ');
  },
};

function isAlias(octets: Uint8Array): boolean {
  return octets[0] === 0 && octets[1] === 0;
}

/** Reads `key=value`; a quoted value is a token of its own that touches the `=`. */
function parseParam(cursor: TokenCursor): SvcParam | string {
  const token = cursor.tokens[cursor.next++] as Token;
  const equals = token.text.indexOf('=');
  const keyText = equals < 0 ? token.text : token.text.slice(0, equals);
  const key = token.quoted ? undefined : paramKey(keyText);
  if (key === undefined) return `${quote(keyText)} is not a SvcParamKey (RFC 9460 §14.3.2, or keyNNNNN)`;
  let text = equals < 0 ? '' : token.text.slice(equals + 1);
  const following = cursor.tokens[cursor.next];
  if (
    equals === token.text.length - 1 &&
    following?.quoted &&
    following.at === token.at + token.text.length
  ) {
    text = following.text;
    cursor.next++;
  }
  const decoded: OctetSink = { octets: new Uint8Array(text.length * 3), length: 0 };
  const badText = decodeText(text, decoded);
  if (badText !== undefined) return `${keyText}: ${badText}`;
  const value = decoded.octets.slice(0, decoded.length);
  if (/^key/i.test(keyText)) return { key, value };
  const sink: OctetSink = { octets: new Uint8Array(RDATA_MAX), length: 0 };
  const wrong = valueCodec(key).parse(value, sink);
  if (wrong !== undefined) return `${keyText}: ${wrong}`;
  if (sink.length > RDATA_MAX) return `${keyText}: the value is too long`;
  return { key, value: sink.octets.slice(0, sink.length) };
}

function formatParam(param: SvcParam): string {
  const text = valueCodec(param.key).format(param.value);
  return text === '' ? paramName(param.key) : `${paramName(param.key)}=${text}`;
}

function takeParams(reader: RdataReader): SvcParam[] {
  const params: SvcParam[] = [];
  while (reader.at < reader.octets.length) {
    const key = takeNumber(reader, 2);
    const value = takeOctets(reader, takeNumber(reader, 2));
    if (key <= (params.at(-1)?.key ?? -1))
      reader.wrong ??= 'the SvcParams are not in the order of their keys';
    params.push({ key, value });
  }
  return params;
}

/** What is wrong with SvcParams in their order, by themselves or together. */
function checkParams(params: readonly SvcParam[], alias: boolean): string | undefined {
  if (alias && params.length > 0) return 'priority 0 (AliasMode) takes no SvcParams';
  const keys = new Set(params.map((param) => param.key));
  for (const { key, value } of params) {
    if (key === INVALID_KEY) return 'key65535 is reserved as invalid';
    const wrong = valueCodec(key).check(value);
    if (wrong !== undefined) return `${paramName(key)}: ${wrong}`;
    if (key !== SVC_PARAM.mandatory) continue;
    for (let i = 0; i < value.length; i += 2) {
      const named = ((value[i] as number) << 8) | (value[i + 1] as number);
      if (!keys.has(named)) return `mandatory: ${paramName(named)} is named but absent (RFC 9460 §8)`;
    }
  }
  if (keys.has(SVC_PARAM['no-default-alpn']) && !keys.has(SVC_PARAM.alpn))
    return 'no-default-alpn needs alpn (RFC 9460 §7.1.1)';
  return undefined;
}
