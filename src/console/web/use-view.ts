import type { RefObject } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { heldView, type Size, type View, WHOLE, zoomedAt } from './world.ts';

/** The part of the world that is seen, and what moves it. */
export interface Moving {
  readonly view: View;
  readonly zoomBy: (factor: number, point?: readonly [number, number]) => void;
  readonly moveBy: (x: number, y: number) => void;
  readonly showWhole: () => void;
}

const WHEEL_STEP = 0.0022;

/** Wheel, drag and two fingers move the map in `element`. */
export function useView(element: RefObject<HTMLElement | null>, size: Size): Moving {
  const [view, setView] = useState<View>(WHOLE);
  const held = useRef(size);
  held.current = size;
  const zoomBy = useCallback((factor: number, point?: readonly [number, number]): void => {
    const { width, height } = held.current;
    setView((before) => heldView(zoomedAt(before, factor, point ?? [width / 2, height / 2]), held.current));
  }, []);
  const moveBy = useCallback((x: number, y: number): void => {
    setView((before) => heldView({ ...before, x: before.x + x, y: before.y + y }, held.current));
  }, []);
  const showWhole = useCallback(() => setView(WHOLE), []);
  useEffect(() => setView((before) => heldView(before, size)), [size]);
  useEffect(() => {
    const { current } = element;
    return current === null ? undefined : followPointers(current, { zoomBy, moveBy });
  }, [element, zoomBy, moveBy]);
  return { view, zoomBy, moveBy, showWhole };
}

/** Gives what ends it. */
function followPointers(
  element: HTMLElement,
  { zoomBy, moveBy }: Pick<Moving, 'zoomBy' | 'moveBy'>,
): () => void {
  const pointers = new Map<number, PointerEvent>();
  const pointOf = (event: MouseEvent): readonly [number, number] => {
    const { left, top } = element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const onWheel = (event: WheelEvent): void => {
    // Where the page itself can be scrolled, the wheel does that.
    const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
    if (scrolls && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * WHEEL_STEP), pointOf(event));
  };
  const onDown = (event: PointerEvent): void => {
    if (event.button === 0) pointers.set(event.pointerId, event);
  };
  const onMove = (event: PointerEvent): void => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const others = [...pointers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
    pointers.set(event.pointerId, event);
    const [other] = others;
    if (other === undefined) moveBy(event.clientX - before.clientX, event.clientY - before.clientY);
    else zoomBy(apart(other, event) / Math.max(1, apart(other, before)), pointOf(other));
  };
  const onUp = (event: PointerEvent): void => {
    pointers.delete(event.pointerId);
  };
  element.addEventListener('wheel', onWheel, { passive: false });
  element.addEventListener('pointerdown', onDown);
  window.addEventListener('pointermove', onMove);
  window.addEventListener('pointerup', onUp);
  window.addEventListener('pointercancel', onUp);
  return () => {
    element.removeEventListener('wheel', onWheel);
    element.removeEventListener('pointerdown', onDown);
    window.removeEventListener('pointermove', onMove);
    window.removeEventListener('pointerup', onUp);
    window.removeEventListener('pointercancel', onUp);
  };
}

const apart = (one: PointerEvent, other: PointerEvent): number =>
  Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
