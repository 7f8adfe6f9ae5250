# frozen_string_literal: true

# The shared cases of tests/vectors/: Ruby gives what every language gives.

require 'digest'
require_relative 'support'

class TestVectors < Minitest::Test
  ROOT = File.join(REPOSITORY, 'tests', 'vectors')
  CASES = Dir.glob('*/*/input.json', base: ROOT).map { |file| File.dirname(file) }.sort

  def read(folder, file) = File.read(File.join(ROOT, folder, file), encoding: 'UTF-8')

  def parse(text) = JSON.parse(text, max_nesting: false)

  def outcome(folder)
    given = parse(read(folder, 'options.json')).transform_keys(&:to_sym)
    model = given.delete(:model) || 'gpt-4o'
    given[:mode] = Mode.const_get(given[:mode].upcase) if given[:mode]
    result = Headroom.compress(read(folder, 'input.json'), model, CompressOptions.new(store: ':memory:', **given))
    assert_nil result.report.error
    {
      'tokens_before' => result.tokens_before,
      'tokens_after' => result.tokens_after,
      'transforms_applied' => result.transforms_applied,
      'ccr_hashes' => result.ccr_hashes,
      'body' => parse(result.messages)
    }
  end

  # Every string of a value, depth first, members in the order of their names. A surrogate alone is three bytes here.
  def texts(value, &block)
    case value
    when String then yield value.b.gsub(/\xED[\xA0-\xBF][\x80-\xBF]/n, "\uFFFD".b)
    when Array then value.each { |item| texts(item, &block) }
    when Hash then value.keys.sort_by(&:b).each { |name| texts(value[name], &block) }
    end
  end

  def test_every_case_gives_what_is_expected_and_all_together_the_digest
    assert_operator CASES.length, :>, 3
    digest = Digest::SHA256.new
    CASES.each do |folder|
      found = outcome(folder)
      assert found == parse(read(folder, 'expected.json')), "#{folder} is not what is expected"
      digest << folder << "\n"
      texts(found['body']) { |text| digest << text << "\n" }
    end
    assert_equal File.read(File.join(ROOT, 'digest.txt')).strip, digest.hexdigest
  end
end
