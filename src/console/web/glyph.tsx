import type { PopStateWord } from './replies.ts';

/** A state as a shape and a colour: circle up, square drained, triangle down. */
export function Glyph({ state, size = 12 }: { readonly state: PopStateWord; readonly size?: number }) {
  return (
    <svg class={`glyph ${state}`} width={size} height={size} viewBox="-6 -6 12 12" aria-hidden="true">
      {state === 'up' && <circle r="4.6" />}
      {state === 'drained' && <path d="M-4.4 -4.4H4.4V4.4H-4.4Z" />}
      {state === 'down' && <path d="M0 -5.2L5.2 4.4H-5.2Z" />}
    </svg>
  );
}
