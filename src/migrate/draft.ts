/**
 * Room `migrate`: configurations of other servers, as text, to a folder of ours, and the list of all that
 * could not be carried over. May import `base wire zone`, and of `config` the
 * reader of YAML. Pure: files come through a reader that is handed
 * in.
 */

/** Where something stands in what is imported. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
}

/** Something that is not, or not quite, as it was. */
export interface Note extends Place {
  /** `lost`: it is left out; `changed`: it answers, but in another way. */
  readonly kind: 'lost' | 'changed';
  /** What it is, in the words of where it comes from. */
  readonly what: string;
  readonly reason: string;
}

/** How the address of a POP is checked: a part of our `health.check`. */
export interface CheckDraft {
  readonly kind: 'http' | 'https' | 'tcp';
  readonly port: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly downAfter: number;
  readonly upAfter: number;
  readonly path?: string;
  readonly host?: string;
  readonly status?: readonly number[];
  readonly text?: string;
  readonly verify?: boolean;
}

/** Where a POP is, as far as it is known. */
export interface Location {
  readonly city: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

/** What a POP answers with: one address, or an alias. */
export type Target =
  | { readonly ipv4: string }
  | { readonly ipv6: string }
  /** A pair of addresses that are decided together. */
  | { readonly ipv4: string; readonly ipv6: string }
  /** Absolute, with its final dot. */
  | { readonly cname: string };

/** A policy in the configuration's own form. Choices are codes of POPs and names of services. */
export type PolicyDraft =
  | { readonly failover: readonly string[] }
  | { readonly all: readonly string[] }
  | { readonly weighted: Readonly<Record<string, number>> }
  | { readonly nearest: Readonly<Record<string, number>> }
  | { readonly geo: GeoDraft };

/** Choices by location. */
export interface GeoDraft {
  readonly default: string;
  readonly continents?: Readonly<Record<string, string>>;
  readonly countries?: Readonly<Record<string, string>>;
  readonly networks?: Readonly<Record<string, string>>;
}

/** A service in the configuration's own form. */
export interface ServiceDraft {
  readonly pops?: readonly string[];
  readonly policy?: PolicyDraft;
  readonly ipv6?: string;
  /** Seconds. */
  readonly ttl: { readonly min: number; readonly max: number };
}

/** What a zone says of transfers, in the configuration's own form. */
export interface TransferDraft {
  readonly primary?: readonly string[];
  readonly transfer?: readonly string[];
  readonly notify?: readonly string[];
}

/** A key that transfers are signed with. */
export interface KeyDraft {
  readonly algorithm: string;
  readonly secret: string;
}

/** A network of clients that a policy names by its label. */
interface NetworkDraft {
  readonly prefix: string;
  readonly label: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

interface PopDraft {
  readonly code: string;
  readonly target: Target;
  location: Location | undefined;
  check: { readonly check: CheckDraft; readonly name: string } | undefined;
}

/** A configuration being made. */
export interface Draft {
  readonly pops: readonly PopDraft[];
  readonly services: ReadonlyMap<string, ServiceDraft>;
  readonly networks: readonly NetworkDraft[];
  /** Master files by the name of their zone, without the final dot. */
  readonly zones: Map<string, string>;
  /** By the name of their zone; those with a primary have no master file. */
  readonly transfers: Map<string, TransferDraft>;
  readonly keys: Map<string, KeyDraft>;
  readonly notes: Note[];
  /** The database that locates clients; undefined: that of this program. */
  geoCity: string | undefined;
  /** The POP of a target: made if there is none yet, with a code like the hint. */
  readonly pop: (target: Target, hint: string, location?: Location) => string;
  /** Sets how a POP is checked; the first check that is set counts, a differing one is told of. */
  readonly check: (code: string, name: string, check: CheckDraft, place: Place) => void;
  /** The service that is this: made if there is none yet, with a name like the hint. */
  readonly service: (service: ServiceDraft, hint: string) => string;
  readonly network: (network: NetworkDraft) => void;
  readonly lost: (place: Place, what: string, reason: string) => void;
  readonly changed: (place: Place, what: string, reason: string) => void;
}

/** Nothing yet. */
export function createDraft(): Draft {
  const pops: PopDraft[] = [];
  const byTarget = new Map<string, PopDraft>();
  const codes = new Set<string>();
  const services = new Map<string, ServiceDraft>();
  const byContent = new Map<string, string>();
  const networks: NetworkDraft[] = [];
  const notes: Note[] = [];
  const note = (kind: Note['kind']): Draft['lost'] => {
    return ({ file, line }, what, reason) => {
      const one = { kind, file, ...(line === undefined ? {} : { line }), what, reason };
      // What is used in several places is told of once.
      if (!notes.some((other) => JSON.stringify(other) === JSON.stringify(one))) notes.push(one);
    };
  };
  const changed = note('changed');
  return {
    pops,
    services,
    networks,
    zones: new Map(),
    transfers: new Map(),
    keys: new Map(),
    notes,
    geoCity: undefined,
    lost: note('lost'),
    changed,
    pop: (target, hint, location) => {
      const key = JSON.stringify(target).toLowerCase();
      let known = byTarget.get(key);
      if (known === undefined) {
        known = { code: unique(popCode(hint), codes, 8), target, location, check: undefined };
        byTarget.set(key, known);
        pops.push(known);
      }
      known.location ??= location;
      return known.code;
    },
    check: (code, name, check, place) => {
      const pop = pops.find((one) => one.code === code);
      if (pop === undefined) return;
      pop.check ??= { check, name };
      if (JSON.stringify(pop.check.check) !== JSON.stringify(check))
        changed(
          place,
          `check ${name} of ${words(pop.target)}`,
          `a POP has one check: ${pop.check.name} it is`,
        );
    },
    service: (service, hint) => {
      const key = JSON.stringify(service);
      const known = byContent.get(key);
      if (known !== undefined) return known;
      const name = unique(serviceName(hint), services, 63);
      services.set(name, service);
      byContent.set(key, name);
      return name;
    },
    network: (network) => {
      const isKnown = ({ prefix, label }: NetworkDraft): boolean =>
        prefix === network.prefix && label === network.label;
      if (!networks.some(isKnown)) networks.push(network);
    },
  };
}

/** A target in words: `192.0.2.1`. */
export function words(target: Target): string {
  return Object.values(target).join(' and ');
}

/** Capitals and digits, at most 8, a capital first. */
function popCode(hint: string): string {
  const plain = hint.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const code = /^[A-Z]/.test(plain) ? plain : `P${plain}`;
  return code.length < 2 ? `${code}1` : code.slice(0, 8);
}

/** As STEER records take it: small letters, digits and `-`, at most 63, none of these at an end. */
function serviceName(hint: string): string {
  const plain = hint
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain === '' ? 'service' : plain.slice(0, 63).replace(/-+$/, '');
}

/** The text, or with a number at its end, such that nobody has it; takes it. */
function unique(text: string, taken: Set<string> | ReadonlyMap<string, unknown>, lengthMax: number): string {
  let name = text;
  for (let count = 2; taken.has(name); count++) {
    const end = lengthMax === 8 ? String(count) : `-${count}`;
    name = text.slice(0, lengthMax - end.length) + end;
  }
  if (taken instanceof Set) taken.add(name);
  return name;
}
