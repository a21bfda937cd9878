import { TYPE } from '../wire/constants.ts';
import type { SampledName } from '../zone/sample.ts';

/** A query, and where its client subnet stands in it. */
export interface Question {
  readonly octets: Uint8Array;
  /** Octets of the network, which stands at the end; 0 without a client subnet. */
  readonly network: number;
}

/** A name is not made longer than this, octets. */
const NAME_LONGEST = 240;
/** There are so many questions at least, so that most are for steered names where there is one. */
const QUESTIONS_MIN = 256;
/** Client subnets of a /24 and a /48, to be filled in (RFC 7871 §6). */
const FOUR = [0, 8, 0, 7, 0, 1, 24, 0, 0, 0, 0];
const SIX = [0, 8, 0, 10, 0, 2, 48, 0, 0, 0, 0, 0, 0, 0];
/** First octets of IPv6 networks that are in use. */
const FIRST_6 = [0x20, 0x24, 0x26, 0x28, 0x2a];

/** What resolvers ask for: names that are there and some that are not, with client subnets and without. */
export function questionsFor(names: readonly SampledName[]): Question[] {
  const questions = [question(Uint8Array.of(1, 0x78, 0), TYPE.A)];
  for (const { name, steered } of names) {
    questions.push(question(name, TYPE.A, FOUR), question(name, TYPE.A), question(name, TYPE.TXT, []));
    if (name.length < NAME_LONGEST) questions.push(question(Uint8Array.of(1, 0x78, ...name), TYPE.A, FOUR));
    if (!steered) continue;
    for (const type of [TYPE.A, TYPE.AAAA, TYPE.HTTPS])
      questions.push(question(name, type, FOUR), question(name, type, SIX), question(name, type, []));
  }
  const located = questions.filter(({ network }) => network > 0);
  while (located.length > 0 && questions.length < QUESTIONS_MIN) questions.push(...located);
  return questions;
}

/** Puts another network into the question, if it has one. */
export function drawNetwork({ octets, network }: Question): void {
  if (network === 0) return;
  const at = octets.length - network;
  for (let i = at; i < octets.length; i++) octets[i] = Math.random() * 256;
  octets[at] = network === 3 ? 1 + Math.random() * 222 : (FIRST_6[Math.floor(Math.random() * 5)] as number);
}

/** With an OPT that holds these options, or without OPT. */
function question(name: Uint8Array, type: number, options?: readonly number[]): Question {
  const opt =
    options === undefined ? [] : [0, 0, TYPE.OPT, 4, 0xd0, 0, 0, 0, 0, 0, options.length, ...options];
  const header = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, opt.length > 0 ? 1 : 0];
  const octets = Uint8Array.of(...header, ...name, type >> 8, type & 0xff, 0, 1, ...opt);
  return { octets, network: options === FOUR ? 3 : options === SIX ? 6 : 0 };
}
