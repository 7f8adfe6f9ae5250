# frozen_string_literal: true

# What a caller gives and gets.

require 'open3'
require 'rbconfig'
require_relative 'support'

class TestCompress < Minitest::Test
  def test_gives_the_same_blocking_and_awaited_and_every_original_back
    result, awaited = ways(GIVEN, options(session_id: 's'))
    assert_equal result.messages, awaited.messages
    assert result.compressed
    assert_equal result.tokens_before - result.tokens_after, result.tokens_saved
    assert_equal 'list_services', result.report.blocks[0].tool_name
    assert_equal %w[bias ccr], result.pipeline_timing.map(&:step).first(2)
    assert JSON.parse(result.certificate).key?('blocks')
    table = Headroom.compress(GIVEN, 'gpt-4o', options(mode: Mode::AGGRESSIVE, token_budget: 300))
    original = Headroom.retrieve(table.ccr_hashes[0], nil, nil, ':memory:')
    assert_equal make_conversation[3]['content'], original
  end

  def test_every_byte_that_is_not_replaced_stays
    given = '{ "n": 1E0, "big": 1180591620717411303424, "messages": [{"role":"user","content":"h\u0069"}] }'
    assert_equal given, Headroom.compress(given, 'gpt-4o', options).messages
  end

  def test_a_model_can_ask_back
    result = Headroom.compress(GIVEN, 'gpt-4o', options(token_budget: 300))
    assert_equal 'headroom_retrieve', JSON.parse(Headroom.retrieve_tool('openai'))['function']['name']
    function = { name: 'headroom_retrieve', arguments: JSON.generate(hash: result.ccr_hashes[0]) }
    answer = Headroom.answer_tool_call(JSON.generate(id: 'c9', type: 'function', function: function), ':memory:')
    assert_equal make_conversation[3]['content'], JSON.parse(answer)['content']
  end

  def test_errors_have_a_class_a_code_and_a_sentence
    cases = [
      [HeadroomError::InvalidInput, 'invalid_input', 'body', -> { Headroom.compress('{', 'gpt-4o', options) }],
      [HeadroomError::Configuration, 'configuration', 'options.target_ratio: expected',
       -> { Headroom.compress('[]', 'gpt-4o', options(target_ratio: 2.0)) }],
      [HeadroomError::Configuration, 'configuration', 'provider: expected one of', -> { Headroom.retrieve_tool('x') }],
      [HeadroomError::NotFound, 'not_found', '', -> { Headroom.retrieve('0' * 24, nil, nil, ':memory:') }]
    ]
    cases.each do |kind, code, sentence, call|
      error = assert_raises(kind, &call)
      assert_equal code, error.code
      assert_includes error.message, sentence
    end
  end

  def test_a_wrong_type_never_reaches_the_engine
    assert_raises(TypeError) { Headroom.compress([], 'gpt-4o') }
    assert_raises(RangeError) { Headroom.compress('[]', 'gpt-4o', CompressOptions.new(token_budget: -1)) }
  end

  def test_progress_tells_every_step_and_takes_biases_and_metadata_back
    seen = []
    last = nil
    told = Block.new do |event|
      seen << [event.name, event.kind]
      if event.name == 'pipeline:start'
        event.set_biases([Bias.new(message: 3, bias: 0.5)])
        event.set_metadata('mine', '{"a":1}')
      end
      last = [event.metadata('mine'), event.biases, event.request_id]
      nil
    end
    [Progress::PLAIN.new(handler: told), Progress::ASYNC.new(handler: told)].each do |handler|
      made = options(on_progress: handler, token_budget: 5000)
      %i[compress compress_async].each do |door|
        seen.clear
        result = Headroom.public_send(door, GIVEN, 'gpt-4o', made)
        assert_equal %w[pipeline:start pipeline:complete], [seen.first[0], seen.last[0]]
        assert_equal 5000, seen.first[1].token_budget
        assert_equal result.pipeline_timing.map(&:step), seen[1..-2].map { |_, kind| kind.step }
        assert_equal result.tokens_after, seen.last[1].tokens_after
        assert_equal ['{"a":1}', [Bias.new(message: 3, bias: 0.5)], result.report.request_id], last
        assert_equal 3, result.report.prefix_changed_at
      end
    end
    broken = Block.new { raise 'broken' }
    warnings = warnings_of do
      made = options(on_progress: Progress::PLAIN.new(handler: broken))
      assert Headroom.compress(GIVEN, 'gpt-4o', made).compressed
    end
    assert(warnings.any? && warnings.all? { |text| text.include?('broken') }, warnings.inspect)
  end

  def test_what_is_collected_is_freed_without_a_complaint
    out, err, status = Open3.capture3(RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, '-e', <<~CODE)
      require 'headroom'
      class Nothing; def on_pipeline_event(event) = nil; end
      2000.times do
        declarations = Headroom::Declarations.new(name: 'x')
        one = Headroom::Registration::PLAIN.new(extension: Nothing.new, declarations: declarations)
        Headroom::PipelineExtensionManager.new([one])
        Headroom::PipelineEvent.new(Headroom::PipelineStage::SETUP, 'x')
      end
      GC.start
      puts Headroom::PipelineExtension.uniffi_handle_map.size
    CODE
    assert status.success?, err
    assert_equal '', err
    assert_operator out.to_i, :<, 1000
  end

  def test_the_example_of_the_readme_runs
    text = File.read(File.join(REPOSITORY, 'bindings-uniffi/ruby/README.md'))
    example = text[/```ruby\n(require.*?)```/m, 1]
    out, err, status = Open3.capture3(RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, '-e', example)
    assert status.success?, err
    assert_match(/\A\d+ tokens became \d+\n\z/, out)
  end
end
