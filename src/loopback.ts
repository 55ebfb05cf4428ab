/** Whether a host name as it stands in a URL can only be this machine (RFC 6761 section 6.3, RFC 5735, RFC 4291). */
export const isLoopback = (host: string): boolean => {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return name === 'localhost' || name === '::1' || /^127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(name)
}

/** Whether what is sent to that URL stays readable to the two ends only: TLS, or never on a wire. */
export const isConfidential = (url: URL): boolean => url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
