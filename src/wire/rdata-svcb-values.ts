import type { OctetSink } from './presentation.ts';
import { formatQuoted, latin1, parseDecimal, putOctet, putOctets, quote } from './presentation.ts';
import { BASE64, decodeRadix, encodeRadix } from './presentation-radix.ts';
import { formatIpv6, putIpv4, putIpv6 } from './rdata-basic.ts';
import { putNumber } from './rdata-field.ts';

/** SvcParamKeys by name (IANA "DNS SVCB"). */
export const SVC_PARAM = {
  mandatory: 0,
  alpn: 1,
  'no-default-alpn': 2,
  port: 3,
  ipv4hint: 4,
  ech: 5,
  ipv6hint: 6,
  dohpath: 7,
  ohttp: 8,
} as const;

/** Reserved: never a key (RFC 9460 §14.3.2). */
export const INVALID_KEY = 65_535;

const keyNames = new Map<number, string>(Object.entries(SVC_PARAM).map(([name, key]) => [key, name]));

/** Name of a key, `keyNNNNN` for those without one. */
export function paramName(key: number): string {
  return keyNames.get(key) ?? `key${key}`;
}

/** The key that a name or `keyNNNNN` (no leading zeros) stands for. */
export function paramKey(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (Object.hasOwn(SVC_PARAM, lower)) return SVC_PARAM[lower as keyof typeof SVC_PARAM];
  const digits = /^key(0|[1-9]\d{0,4})$/.exec(lower)?.[1];
  return digits === undefined || Number(digits) > INVALID_KEY ? undefined : Number(digits);
}

/** How the value of a SvcParam is read and written. Results of `parse` and `check` say what is wrong. */
interface ValueCodec {
  /** From the octets of the value's character-string. */
  readonly parse: (value: Uint8Array, sink: OctetSink) => string | undefined;
  /** Text after `=`; empty when there is no value to write. */
  readonly format: (value: Uint8Array) => string;
  readonly check: (value: Uint8Array) => string | undefined;
}

/** The codec of a key; unknown keys take any octets (RFC 9460 §2.1). */
export function valueCodec(key: number): ValueCodec {
  return codecs.get(key) ?? opaque;
}

const opaque: ValueCodec = {
  parse(value, sink) {
    putOctets(sink, value);
    return undefined;
  },
  format: (value) => (value.length === 0 ? '' : formatQuoted(value)),
  check: () => undefined,
};

const nothing: ValueCodec = {
  ...opaque,
  check: (value) => (value.length > 0 ? 'takes no value' : undefined),
};

const port: ValueCodec = {
  parse(value, sink) {
    const number = parseDecimal(latin1(value), 65_535);
    if (number < 0) return `${quote(latin1(value))} is not a port`;
    putNumber(sink, number, 2);
    return undefined;
  },
  format: (value) => String(((value[0] ?? 0) << 8) | (value[1] ?? 0)),
  check: (value) => (value.length === 2 ? undefined : 'must have 2 octets'),
};

const ech: ValueCodec = {
  parse: (value, sink) =>
    decodeRadix(BASE64, latin1(value), sink) ? undefined : `${quote(latin1(value))} is not base 64`,
  format: (value) => encodeRadix(BASE64, value),
  check: (value) => (value.length > 0 ? undefined : 'must not be empty'),
};

const mandatory: ValueCodec = {
  parse(value, sink) {
    const keys: number[] = [];
    for (const text of latin1(value).split(',')) {
      const key = paramKey(text);
      if (key === undefined) return `${quote(text)} is not a SvcParamKey`;
      keys.push(key);
    }
    for (const key of keys.sort((left, right) => left - right)) putNumber(sink, key, 2);
    return undefined;
  },
  format: (value) => twoOctets(value).map(paramName).join(','),
  check(value) {
    if (value.length === 0 || value.length % 2 !== 0) return 'must have keys of 2 octets';
    const keys = twoOctets(value);
    if (keys[0] === SVC_PARAM.mandatory) return 'must not name itself';
    return keys.some((key, i) => i > 0 && key <= (keys[i - 1] as number))
      ? 'must name each key once, in order'
      : undefined;
  },
};

function twoOctets(value: Uint8Array): number[] {
  const numbers: number[] = [];
  for (let i = 0; i + 1 < value.length; i += 2)
    numbers.push(((value[i] as number) << 8) | (value[i + 1] as number));
  return numbers;
}

/** Stands for the addresses of the target, which are filled in later: a value without octets. */
const AUTO = 'auto';

/** Addresses with commas between them; the text has no escapes to speak of (RFC 9460 §7.3). Or `auto`. */
function hints(size: 4 | 16): ValueCodec {
  const put = size === 4 ? putIpv4 : putIpv6;
  return {
    parse(value, sink) {
      if (latin1(value) === AUTO) return undefined;
      for (const text of latin1(value).split(','))
        if (!put(text, sink)) return `${quote(text)} is not an IPv${size === 4 ? 4 : 6} address`;
      return undefined;
    },
    format(value) {
      const texts: string[] = [];
      for (let i = 0; i + size <= value.length; i += size) {
        const octets = value.subarray(i, i + size);
        texts.push(size === 4 ? octets.join('.') : formatIpv6(octets));
      }
      return value.length === 0 ? AUTO : texts.join(',');
    },
    check: (value) => (value.length % size === 0 ? undefined : `must have addresses of ${size} octets`),
  };
}

/**
 * Protocol names, counted; in text a list in which `,` and `\` are escaped once more (RFC 9460 appendix
 * A.1).
 */
const alpn: ValueCodec = {
  parse(value, sink) {
    let start = sink.length;
    putOctet(sink, 0);
    for (let i = 0; i <= value.length; i++) {
      let octet = value[i];
      if (octet === 0x2c || octet === undefined) {
        const length = sink.length - start - 1;
        if (length === 0) return 'has an empty protocol name';
        if (length > 255) return 'has a protocol name longer than 255 octets';
        sink.octets[start] = length;
        start = sink.length;
        if (octet !== undefined) putOctet(sink, 0);
        continue;
      }
      if (octet === 0x5c) {
        octet = value[++i];
        if (octet !== 0x2c && octet !== 0x5c)
          return 'has a backslash that escapes neither a comma nor a backslash';
      }
      putOctet(sink, octet);
    }
    return undefined;
  },
  format(value) {
    const list: number[] = [];
    for (let at = 0; at < value.length; ) {
      const end = at + 1 + (value[at] as number);
      if (at > 0) list.push(0x2c);
      for (at++; at < end && at < value.length; at++) {
        const octet = value[at] as number;
        if (octet === 0x2c || octet === 0x5c) list.push(0x5c);
        list.push(octet);
      }
    }
    return formatQuoted(Uint8Array.from(list));
  },
  check(value) {
    let at = 0;
    while (at < value.length) {
      if (value[at] === 0) return 'has an empty protocol name';
      at += 1 + (value[at] as number);
    }
    return value.length > 0 && at === value.length ? undefined : 'must be a list of protocol names';
  },
};

/** A URI template in UTF-8 with the variable `dns` (RFC 9461 §5). */
const dohpath: ValueCodec = {
  ...opaque,
  check(value) {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(value);
      return /\{[?&][^}]*\bdns\b[^}]*\}/.test(text)
        ? undefined
        : 'must be a URI template with the variable dns';
    } catch {
      return 'must be UTF-8';
    }
  },
};

const codecs = new Map<number, ValueCodec>([
  [SVC_PARAM.mandatory, mandatory],
  [SVC_PARAM.alpn, alpn],
  [SVC_PARAM['no-default-alpn'], nothing],
  [SVC_PARAM.port, port],
  [SVC_PARAM.ipv4hint, hints(4)],
  [SVC_PARAM.ech, ech],
  [SVC_PARAM.ipv6hint, hints(16)],
  [SVC_PARAM.dohpath, dohpath],
  [SVC_PARAM.ohttp, nothing],
]);
