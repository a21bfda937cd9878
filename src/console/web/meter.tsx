/** A bar of load to capacity, with a mark where it is full. The figure stands beside it in words. */
export function Meter({ value, after }: { readonly value: number | undefined; readonly after?: number }) {
  const most = 1.25;
  const width = (fraction: number): string => `${(100 * Math.min(fraction, most)) / most}%`;
  const level = (fraction: number): string => (fraction > 1 ? 'over' : fraction >= 0.9 ? 'near' : 'well');
  return (
    <span class="meter" aria-hidden="true">
      {after !== undefined && <span class={`bar after ${level(after)}`} style={{ width: width(after) }} />}
      {value !== undefined && <span class={`bar ${level(value)}`} style={{ width: width(value) }} />}
      <span class="limit" />
    </span>
  );
}
