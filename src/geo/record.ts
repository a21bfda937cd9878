/** What a city database says of an address, whichever of the two usual forms its records have. */
export interface CityRecord {
  /** ISO 3166-1 alpha-2; '' when the record has none. */
  readonly country: string;
  /** English; '' when the record has none. */
  readonly city: string;
  readonly region?: string;
  /** Degrees; absent when the record has none that can be on Earth. */
  readonly location?: { readonly latitude: number; readonly longitude: number };
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a flat record (`country_code`, `latitude`, `city`, `state1`: DB-IP Lite as packaged by
 * ip-location-db) or a nested one (`country.iso_code`, `location.latitude`, `city.names.en`: GeoIP2,
 * https://dev.maxmind.com/geoip/docs).
 */
export function readCityRecord(record: Fields): CityRecord {
  if ('country_code' in record) {
    const { country_code: country, city, state1: region } = record;
    return build({ country, city, region, latitude: record['latitude'], longitude: record['longitude'] });
  }
  const [subdivision] = Array.isArray(record['subdivisions']) ? record['subdivisions'] : [];
  const location = fieldsOf(record['location']);
  return build({
    country: fieldsOf(record['country'])['iso_code'] ?? fieldsOf(record['registered_country'])['iso_code'],
    city: englishName(record['city']),
    region: englishName(subdivision),
    latitude: location['latitude'],
    longitude: location['longitude'],
  });
}

/** AS number and organisation of a GeoLite2-ASN or GeoIP2-ISP record; 0 and '' when it has none. */
export function readAsnRecord(record: Fields): { asn: number; name: string } {
  const { autonomous_system_number: asn, autonomous_system_organization: name } = record;
  return { asn: typeof asn === 'number' ? asn : 0, name: typeof name === 'string' ? name : '' };
}

function build(parts: Record<'country' | 'city' | 'region' | 'latitude' | 'longitude', unknown>): CityRecord {
  const { country, city, region, latitude, longitude } = parts;
  const located =
    typeof latitude === 'number' &&
    typeof longitude === 'number' &&
    Math.abs(latitude) <= 90 &&
    Math.abs(longitude) <= 180;
  return {
    country: typeof country === 'string' ? country : '',
    city: typeof city === 'string' ? city : '',
    ...(typeof region === 'string' && region !== '' && { region }),
    ...(located && { location: { latitude, longitude } }),
  };
}

function englishName(value: unknown): unknown {
  return fieldsOf(fieldsOf(value)['names'])['en'];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
