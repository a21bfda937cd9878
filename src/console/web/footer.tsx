import type { StatusView } from './replies.ts';

/** Credits of the data in use, and where else to look. */
export function Footer({ status }: { readonly status: StatusView | undefined }) {
  return (
    <footer>
      <span>
        {status === undefined ? '…' : `${status.role} ${status.version}, cluster ${status.cluster}`}
        {status !== undefined && status.dns.length > 0 && `, DNS on ${status.dns.join(', ')}`}
      </span>
      {status?.role === 'up' && (
        <span>Here the network, RTTs and loads are modelled; queries/s and layers are measured.</span>
      )}
      {status?.attribution.map((text) => (
        <Credit key={text} text={text} />
      ))}
      <span>Map: Natural Earth</span>
      <nav aria-label="Elsewhere">
        <a href="/metrics">metrics</a> <a href="/readyz">readiness</a> <a href="/api/status">status</a>
      </nav>
    </footer>
  );
}

/** Credits as `text (https://…)` become links. */
function Credit({ text }: { readonly text: string }) {
  const match = /^(.*?)\s*\(?(https:\/\/[^\s)]+)\)?(.*)$/.exec(text);
  if (match === null) return <span>{text}</span>;
  const [, before = '', url = '', after = ''] = match;
  return (
    <span>
      <a href={url}>{before === '' ? url : before}</a>
      {after}
    </span>
  );
}
