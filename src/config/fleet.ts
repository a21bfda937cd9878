import type { z } from 'zod';
import { formatAddress, parseAddress } from '../base/address.ts';
import type { Problem } from '../base/errors.ts';
import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { hashText } from '../base/random.ts';
import type { Path, Place } from './document.ts';
import { named, problemsOf, quote, type Source } from './problems.ts';
import { popSchema } from './schema.ts';

/** A POP as an operator wrote it, not yet checked, and where. */
export interface PopDraft {
  readonly value: unknown;
  /** Path of the POP in its file: empty for a row of a CSV file. */
  readonly at: Path;
  readonly source: Source;
}

type PopInput = z.output<typeof popSchema>;

/** The fleet, and everything that is wrong with it. POPs with faults are left out of the fleet. */
interface BuiltFleet {
  readonly fleet: Fleet;
  readonly problems: readonly Problem[];
  /**
   * Codes of all POPs that were written, faulty ones too: so that one fault is not reported again as an
   * unknown POP.
   */
  readonly codes: ReadonlySet<string>;
}

/**
 * Checks POPs one by one and against each other, and numbers them and their links in the order as written.
 */
export function buildFleet(drafts: readonly PopDraft[]): BuiltFleet {
  const problems: Problem[] = [];
  const unique = uniqueness(problems);
  const codes = new Set<string>();
  const pops: Pop[] = [];
  const links: Link[] = [];
  for (const draft of drafts) {
    const { source, at } = draft;
    const code = (draft.value as { code?: unknown } | null)?.code;
    if (typeof code === 'string') codes.add(code);
    const parsed = popSchema.safeParse(draft.value);
    if (!parsed.success) {
      problems.push(...problemsOf(parsed.error.issues, { value: draft.value, source, at }));
      continue;
    }
    const input = parsed.data;
    unique('POP', input.code, { source, path: [...at, 'code'] });
    const index = pops.length;
    const own = linksOf(input, { popIndex: index, firstIndex: links.length });
    for (const [i, link] of own.entries()) {
      if (link.ipv4 !== undefined)
        unique('address', link.ipv4, { source, path: [...at, 'links', i, 'ipv4'] });
      if (link.ipv6 !== undefined)
        unique('address', link.ipv6, { source, path: [...at, 'links', i, 'ipv6'] });
    }
    links.push(...own);
    pops.push({ ...input, index, links: own });
  }
  const digest = hashText(`${pops.map(({ code }) => code).join()};${links.map(({ id }) => id).join()}`);
  return { fleet: { pops, links, digest }, problems, codes };
}

function linksOf(input: PopInput, options: { popIndex: number; firstIndex: number }): Link[] {
  return input.links.map((link, i) => ({
    id: `${input.code}-${String.fromCharCode(0x61 + i)}`,
    index: options.firstIndex + i,
    popIndex: options.popIndex,
    transit: link.transit,
    capacityMbps: link.capacityMbps,
    ...(link.ipv4 === undefined ? {} : { ipv4: canonical(link.ipv4) }),
    ...(link.ipv6 === undefined ? {} : { ipv6: canonical(link.ipv6) }),
    ...(link.cname === undefined ? {} : { cname: link.cname }),
  }));
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}

type Unique = (kind: string, text: string, where: { source: Source; path: Path }) => void;

/** A register that reports whatever is entered twice, and where it stood first. */
export function uniqueness(problems: Problem[]): Unique {
  const first = new Map<string, Place>();
  return (kind, text, { source, path }) => {
    const place = source.valuePlace(path);
    const key = `${kind} ${text}`;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, place);
      return;
    }
    const message = named(source, path, `the ${kind} ${quote(text)} stands on line ${before.line} already`);
    problems.push({ file: source.file, ...place, message });
  };
}
