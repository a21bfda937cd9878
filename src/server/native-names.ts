import { type Arena, MMSGHDR, NAME_OCTETS, type Shape } from './native-arena.ts';

const HEADER_WORDS = MMSGHDR.OCTETS / 4;
const CONTROL_LENGTH_WORD = MMSGHDR.CONTROL_LENGTH / 4;
const NAME_WORDS = NAME_OCTETS / 4;

/** Whether the address asked came with the datagram; the answer will leave from it. */
export function readyToAnswer({ i32, u8 }: Arena, shape: Shape, i: number): boolean {
  const length = (shape.receive >> 2) + i * HEADER_WORDS + CONTROL_LENGTH_WORD;
  if (i32[length] !== shape.controlOctets) {
    i32[length] = shape.controlOctets;
    return false;
  }
  // What the kernel wrote is what it takes (RFC 3542 §6.1), but for the interface: answers take the route to
  // the client, which may be another. Only a link-local address means nothing without it.
  const control = shape.controls + i * shape.controlOctets;
  if (!shape.v6) i32[(control + 16) >> 2] = 0;
  else if (u8[control + 16] !== 0xfe || ((u8[control + 17] as number) & 0xc0) !== 0x80)
    i32[(control + 32) >> 2] = 0;
  return true;
}

/** Responses are sent from the first slots on, without holes: the client's address moves with them. */
export function moveName(
  i32: Int32Array,
  shape: Shape,
  move: { readonly from: number; readonly to: number },
): void {
  const { from, to } = move;
  const names = shape.names >> 2;
  i32.copyWithin(names + to * NAME_WORDS, names + from * NAME_WORDS, names + (from + 1) * NAME_WORDS);
  if (!shape.wildcard) return;
  const words = shape.controlOctets >> 2;
  const controls = shape.controls >> 2;
  i32.copyWithin(controls + to * words, controls + from * words, controls + (from + 1) * words);
}

/** Puts the address that a datagram came from where handlers read it. */
export function readClient(i32: Int32Array, clientWords: Int32Array, { names, v6 }: Shape, i: number): void {
  const name = (names + i * NAME_OCTETS) >> 2;
  if (v6) for (let word = 0; word < 4; word++) clientWords[word] = i32[name + 2 + word] as number;
  else clientWords[0] = i32[name + 1] as number;
}
