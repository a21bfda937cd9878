import { cookieWords, setCookieSecrets, setCookieTime } from '../../src/answer/cookies.ts';
import { createWorld, type World } from './answer-world.ts';

/** The zone that the vectors of test/vectors/packets ask about. */
const ZONE = `$TTL 3600
@ SOA ns1 host 2026010101 7200 1800 1209600 300
@ NS ns1
@ NS ns2.elsewhere.
@ MX 10 mail
ns1 A 192.0.2.53
a 60 A 192.0.2.1
a AAAA 2001:db8::1
A.Mixed TXT "Case Kept"
mail A 192.0.2.25
mail AAAA 2001:db8::25
_sip._tcp SRV 0 5 5060 mail
naptr NAPTR 100 10 "a" "E2U+sip" "" mail
svc HTTPS 1 . alpn=h2
svc A 192.0.2.2
target SVCB 1 mail alpn=h2
tohttps HTTPS 0 mail
alias CNAME a
alias2 CNAME alias
loop CNAME loop
out CNAME www.elsewhere.
dead CNAME nothing
steeralias CNAME steer
old DNAME new
www.new A 192.0.2.3
long DNAME ${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}
*.wild TXT "wild"
exists.wild A 192.0.2.4
leaf.ent A 192.0.2.5
cut NS ns.cut
cut DS 60485 13 2 d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a
ns.cut A 192.0.2.60
sibling NS ns1
\\000\\255 TXT "any octets"
dot\\.ted TXT "a dot in a label"
many TXT "${'1'.repeat(200)}"
many TXT "${'2'.repeat(200)}"
many TXT "${'3'.repeat(200)}"
unknown TYPE65280 \\# 3 010203
steer 30 STEER web
mailsteer MX 10 steer
mailsteer MX 20 mail
_web._tcp SRV 0 5 443 steer
_both._tcp SRV 0 5 443 steer
_both._tcp SRV 1 5 443 steer
naptra NAPTR 100 10 "A" "web+D2T" "" steer
naptrs NAPTR 100 10 "s" "SIP+D2T" "" _sip._tcp
naptrs NAPTR 100 20 "s" "web+D2T" "" _web._tcp
naptru NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .
svcalias HTTPS 0 svc
steerhttps HTTPS 0 steer
steersvcb SVCB 1 steer alpn=h2
*.wildsteer STEER web
mailwild MX 10 any.wildsteer
mailwild MX 20 a.b.wildsteer
hinted 30 STEER web
hinted HTTPS 1 . alpn=h3 ipv4hint=auto ipv6hint=auto
hinted HTTPS 2 . alpn=h2 ipv6hint=auto port=8443
hintother 40 HTTPS 1 steer alpn=h2 ipv4hint=auto
_dns.steer SVCB 1 steer alpn=dot ipv4hint=auto ipv6hint=auto
hintalias HTTPS 0 hinted
aliasmode STEER web
aliasmode HTTPS 0 svc
*.hintwild STEER web
*.hintwild HTTPS 1 . alpn=h2 ipv4hint=auto
`;

/** When the vectors' cookies are judged, and with which secrets: those of RFC 9018 appendix A. */
const COOKIE_SECONDS = 1_559_731_985;
const COOKIE_SECRETS = ['e5e973e5a6b2a43f48e7dc849e37bfcf', 'dd3bdf9344b678b185a6f5cb60fca715'];

export type PacketWorldName = 'plain' | 'telling' | 'insisting';

/** `plain`: defaults; `telling`: cookies, NSID, CHAOS names, a report channel; `insisting`: BADCOOKIE too. */
export function createPacketWorld(name: PacketWorldName): World {
  const zones = [['example.', ZONE]] as const;
  if (name === 'plain') return createWorld(zones);
  const cookies = cookieWords();
  setCookieTime(cookies, COOKIE_SECONDS);
  setCookieSecrets(
    cookies,
    COOKIE_SECRETS.map((hex) => Buffer.from(hex, 'hex')),
  );
  const facts = { identity: 'fra1', version: 'isochrone', reportTo: 'report.example.net' };
  return createWorld(zones, { cookies, facts, insistsOnCookies: name === 'insisting' });
}
