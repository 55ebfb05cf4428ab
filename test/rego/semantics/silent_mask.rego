# refused: silent
# without: an answer without the field is not masked
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

mask contains {"detector": "us_ssn"} if count(input.message.body.rows) >= 0
