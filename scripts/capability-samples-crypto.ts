/** Tokens, certificates and keys made for these calls; the keys guard nothing. */
export const cryptoSamples: Readonly<Record<string, readonly string[]>> = {
  'crypto.parse_private_keys': [
    'crypto.parse_private_keys("-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIKP7/5ty9UcyOCk/TwCE/IY0EZiougPBeua57ZAfaAMQ\\n-----END PRIVATE KEY-----\\n")',
  ],
  'crypto.x509.parse_certificate_request': [
    'crypto.x509.parse_certificate_request("MIGLMD8CAQAwDDEKMAgGA1UEAwwBYTAqMAUGAytlcAMhAIA1giTwFSuZFbYq8qLmFmxCeGEEXfi8E2QONQsF8yAIoAAwBQYDK2VwA0EA2NyHCIP8mbyx7ZfrRaHqUkH90fDeOpJcvS6GzhmCOl8uoU4VQtaV5zruRJA+lR/eLwLqy9ngCU/xn6jOec/TAQ==")',
  ],
  'crypto.x509.parse_certificates': [
    'crypto.x509.parse_certificates("MIIBLDCB36ADAgECAhQQyDa1ewxkxbCLYMDd1Wi8Y2N4YTAFBgMrZXAwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjExNjAzNDJaFw0zNjExMTgxNjAzNDJaMAwxCjAIBgNVBAMMAWEwKjAFBgMrZXADIQCANYIk8BUrmRW2KvKi5hZsQnhhBF34vBNkDjULBfMgCKNTMFEwHQYDVR0OBBYEFCD9g//7NHknW1XjUA6h3c1jC17IMB8GA1UdIwQYMBaAFCD9g//7NHknW1XjUA6h3c1jC17IMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAoc4pLjK6kaUEq/yp4Vm8KueMp7F7FAYSDDUVQbsn4LUMYQCOMOLivSJQSokUkVfZLAMIzGi6EeDjT66QpdLRCw==")',
  ],
  'crypto.x509.parse_keypair': [
    'crypto.x509.parse_keypair("MIIBLDCB36ADAgECAhQQyDa1ewxkxbCLYMDd1Wi8Y2N4YTAFBgMrZXAwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjExNjAzNDJaFw0zNjExMTgxNjAzNDJaMAwxCjAIBgNVBAMMAWEwKjAFBgMrZXADIQCANYIk8BUrmRW2KvKi5hZsQnhhBF34vBNkDjULBfMgCKNTMFEwHQYDVR0OBBYEFCD9g//7NHknW1XjUA6h3c1jC17IMB8GA1UdIwQYMBaAFCD9g//7NHknW1XjUA6h3c1jC17IMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAoc4pLjK6kaUEq/yp4Vm8KueMp7F7FAYSDDUVQbsn4LUMYQCOMOLivSJQSokUkVfZLAMIzGi6EeDjT66QpdLRCw==", "MC4CAQAwBQYDK2VwBCIEIKP7/5ty9UcyOCk/TwCE/IY0EZiougPBeua57ZAfaAMQ")',
  ],
  'crypto.x509.parse_rsa_private_key': [
    'crypto.x509.parse_rsa_private_key("-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIKP7/5ty9UcyOCk/TwCE/IY0EZiougPBeua57ZAfaAMQ\\n-----END PRIVATE KEY-----\\n")',
  ],
  'io.jwt.decode': [
    'io.jwt.decode("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.57TF7smP9XDhIexBqPC-F1toZReYZLWb_YRU5tv0sxM")',
  ],
  'io.jwt.decode_verify': [
    'io.jwt.decode_verify("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.57TF7smP9XDhIexBqPC-F1toZReYZLWb_YRU5tv0sxM", {"secret": "secret"})',
    'io.jwt.decode_verify("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.57TF7smP9XDhIexBqPC-F1toZReYZLWb_YRU5tv0sxM", {"secret": "other"})',
  ],
  'io.jwt.encode_sign': [
    'io.jwt.encode_sign({"alg": "HS256"}, {"a": 1}, {"kty": "oct", "k": "c2VjcmV0"})',
  ],
  'io.jwt.encode_sign_raw': [
    'io.jwt.encode_sign_raw(`{"alg": "HS256"}`, `{"a": 1}`, `{"kty": "oct", "k": "c2VjcmV0"}`)',
  ],
  'io.jwt.verify_eddsa': [
    'io.jwt.verify_eddsa("eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.DZ9tMT12292hKO7Z4g8cBfs3-0FRX9kQKXc5FiO9WpvC796xiNYP3elMGJoIPXZdQMPRsXb914nGICLkplTnDA", `{"crv":"Ed25519","x":"Zki5wlJOv0QgknFZy2vaRSEbQKSaUdwh7DQcdwCVQ4M","kty":"OKP"}`)',
  ],
  'io.jwt.verify_es256': [
    'io.jwt.verify_es256("eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.0OG2Csvuae1jV0L57quTr0M0XffBUbFRJXS99JkvXRHbHPk4HNQNG9bTI9jwX4QPrbLFxyjbaclXrFyfOIu_Ug", `{"kty":"EC","x":"anfinpPWyxJvy4jxfbfWZQqTMumS6AWVg_V6SCOGEZg","y":"vITTNvCggu4Wt5HcJaj565qvn6VwJYdMcDJC9ZtvyGk","crv":"P-256"}`)',
  ],
  'io.jwt.verify_es384': [
    'io.jwt.verify_es384("eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.FQCAZ1no9FmHbNHMLRThZC1gl9bC34jqaqC7qTR4w7vdS5lSbjBGJpmA89pI1Ma6lrA-pQ2reApS5JqpZRHHRsHhWi6ottO3tzXyjWVOnFEnUxG3DCOu_6MurEhMc4By", `{"kty":"EC","x":"2b3LP_AgavIn7p30Z6ik73S1btnwGw4eP0ZWlL5l02jD5ewVB7mjoOX5Nbr-n_xN","y":"l-Gaheab1Vu1CCiytIUOKSoPtFyrrGKEaJYxlOsht0FvrRyvKuimKB5sJv2524K8","crv":"P-384"}`)',
  ],
  'io.jwt.verify_es512': [
    'io.jwt.verify_es512("eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.AK6DcCEBYlVkrFBuqotZ7qXzxR9rlu2CbkDIp9Q621GSOSQmBJU0n09wau-vFMcE__MXfF2ZAh548ewa3yIdYYmNAaHCDf2FyBRRAunuVOYJbPzNsj14pag8C99oHFwEvAwMA1UBvNlG9eRdzcGfi5xJ8oGpr0dBtCyHlGK8brSbqNcd", `{"kty":"EC","x":"AQn44O2jxrlnmpyUFn9Pu8vnlErAqTPIaEY4ONqt48z9LaR6kJaU-ETtnwGi4EYgGs476h1ya5Ob3aaISiMwKNAe","y":"ARqjHGUa-gzfzKpoPvJQKQ5-nbwblVbh3ogHFxVLVvXc0yry8hsSXklOfm2Fbo1RiRmsRMNB82ZbODkL1FlhqYHQ","crv":"P-521"}`)',
  ],
  'io.jwt.verify_hs256': [
    'io.jwt.verify_hs256("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.57TF7smP9XDhIexBqPC-F1toZReYZLWb_YRU5tv0sxM", "secret")',
  ],
  'io.jwt.verify_hs384': [
    'io.jwt.verify_hs384("eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.Q3SK_WZeo4F3KafEeCTsoPMr_Wr_GvGOjKfyVZSoWq7zivwflOjwxoqWGlwMYVf_", "secret")',
  ],
  'io.jwt.verify_hs512': [
    'io.jwt.verify_hs512("eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.x_XaXvSUpitrRv8wrtRfv49l3Fj1oEwwOoDxUIpitaUo4Zyd6jnfw1DOLBjEnhQ2mftMSHjcSklKs8piR_RiAA", "secret")',
  ],
  'io.jwt.verify_ps256': [
    'io.jwt.verify_ps256("eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.HC-D0rEESThHN74SuV5ZVQNXlOzjKnQIglClpeuxJWCigaVJh2ATsg6wbLs0p_cM1VFLFL-7pA9XF0JRL-DUxGs2ZKKtw7drZsTvEmS6VyZBQ1ZYlgDfjUHxzy0rWt0fe6LhTHQMi3ZaOYCkOSZy8jcdIxKUXzkga5EInlcNdnw", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
  'io.jwt.verify_ps384': [
    'io.jwt.verify_ps384("eyJhbGciOiJQUzM4NCIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.oZghceRezQlByZ5lsQ5G32vLTwHkgN9WPeG5eBgGl0stIMnNfyQ040YyGSsUMOEsrUtJyEUwmjHnUOxFNKvRlHQJLM3PEAkYIUmgq5W_EX5u28fsXsJ9pQoGCocHax_plgw_OUlJrFF74uWGPcDNDNQBpawjjmaMW0s5CTwXbbU", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
  'io.jwt.verify_ps512': [
    'io.jwt.verify_ps512("eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.YTUPbi_T3Qs86k09zwzmz7m8E5KEIkqiZOVs6RWhVM3sObHypIO1jUIKNUsWnWYzSZHl-XB3Ozk4W1tfBNXeIEZjSeoObjcVMTwskHS5dVBh0YJ0GDHIhTWcB7MBQ0XZ-xS70kn6peCytv6sbiT5PznX-adzRagO4eWb7oIc6gg", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
  'io.jwt.verify_rs256': [
    'io.jwt.verify_rs256("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.aZDEaSro3oct71Em3-kvSSMiRITFlYWSYl1qua39xWFTvQUGUs_4abzoC1qst99JnxDRaVfT1aJ_m0NQ3QH3596NAA9c-s9WbuW66_w-mQeUZZuKq9bC0myxb2Y9JAgPAjtIa2mJSyZ6YonXkDY-EHA6JFCqTNX9ngNQyGtDgrU", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
  'io.jwt.verify_rs384': [
    'io.jwt.verify_rs384("eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.U2WbezeiUU8SHhajiUfv4W-Gr__NwQ_TMjgDD1jIwvLUy-OcsFd7ZlN68tdNTvESgtPEFIcd1fWBNR-kPYjpUq-5eiH8ph_MxI7E1SW7C8_j0cJm41brvm4rdx1T_1C0DPI3KVsi_gBqddiGZ2RM_n40A14zB6MAmLERcdAJXOY", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
  'io.jwt.verify_rs512': [
    'io.jwt.verify_rs512("eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.nctWeMPv9ZjJPC8gxQnV3aE6b-L-OSiGFiVBVRZ6P4p0DOpmv8Jeb_zrkUtaEFC5DQzdD6VlL_I0ctLglaqdTzkku5pYHB3GjbCHQjTCQ02wnzFR99PoscY0M5qBiKTG9RBUqDubjJi3QzRwUslJ5LOaKYrKUtR1WUbHRBtfKWY", `{"kty":"RSA","n":"wQLZU8eoY6rzXdNyvY7aJuQyM6AKjlxbeGt8RKesMB8xwwwyCXdSs7NER5gursCeNK0EZlqsYplu4CubiyrvGMgQyP8Jss4cEwWgTiCOBoYVe9LFYzKlCDncCB7s9eMKDw6sz7Ey5ITsxihtwyLHQinLJ1n7Pt-uiNKgQurLBPU","e":"AQAB"}`)',
  ],
}
