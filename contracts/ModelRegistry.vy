# pragma version 0.4.3
# @license Apache-2.0
"""
@title ModelRegistry
@notice The models that jobs may name: their content, what their tokens cost, and whether they take new jobs.
@dev A model is found by its key, keccak256(modelId). Its content is kept for every version, so that a job can
     remember (key, version) in place of the CID it was bound to.
"""

from modules import ownership

initializes: ownership
exports: (
    ownership.owner,
    ownership.pendingOwner,
    ownership.transferOwnership,
    ownership.acceptOwnership,
)

struct ModelInfo:
    modelCID: String[128]
    name: String[128]
    description: String[1024]
    timestamp: uint256
    isActive: bool

struct ModelTerms:
    modelCID: String[128]
    version: uint256
    pricePromptToken: uint256
    priceCompletionToken: uint256
    maxTokens: uint256
    isActive: bool

struct Model:
    modelId: String[64]
    name: String[128]
    description: String[1024]
    timestamp: uint256
    isActive: bool
    version: uint256
    # maxTokens (32 bits) | pricePromptToken (96) << 32 | priceCompletionToken (96) << 128
    terms: uint256

event ModelRegistered:
    modelKey: indexed(bytes32)
    modelId: String[64]
    modelCID: String[128]
    name: String[128]
    description: String[1024]

event ModelUpdated:
    modelKey: indexed(bytes32)
    modelId: String[64]
    modelCID: String[128]
    version: uint256

event ModelActivated:
    modelKey: indexed(bytes32)
    modelId: String[64]
    isActive: bool

event ModelPriced:
    modelKey: indexed(bytes32)
    modelId: String[64]
    pricePromptToken: uint256
    priceCompletionToken: uint256
    maxTokens: uint256

MODELS_MAX: constant(uint256) = 1024
# Jobs remember a version in 16 bits.
VERSIONS_MAX: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_96: constant(uint256) = 2**96 - 1
PROMPT: constant(uint256) = 32
COMPLETION: constant(uint256) = 128

defaultTerms: immutable(uint256)
_models: HashMap[bytes32, Model]
_cids: HashMap[bytes32, HashMap[uint256, String[128]]]
_key_of_cid: HashMap[bytes32, bytes32]
_ids: DynArray[String[64], MODELS_MAX]


@deploy
def __init__(pricePromptToken: uint256, priceCompletionToken: uint256, maxTokens: uint256):
    """@notice The terms (wei per token, most completion tokens a job) that a new model starts with."""
    ownership.__init__()
    defaultTerms = self._pack(pricePromptToken, priceCompletionToken, maxTokens)


@external
def registerModel(modelId: String[64], modelCID: String[128], name: String[128], description: String[1024]):
    """@notice Adds an active model at the registry's default terms."""
    ownership._only_owner()
    assert len(modelId) != 0, "empty model id"
    key: bytes32 = keccak256(modelId)
    assert self._models[key].version == 0, "model exists"
    assert len(self._ids) < MODELS_MAX, "too many models"
    self._models[key] = Model(
        modelId=modelId,
        name=name,
        description=description,
        timestamp=block.timestamp,
        isActive=True,
        version=1,
        terms=defaultTerms,
    )
    self._ids.append(modelId)
    self._bind(key, 1, modelCID)
    log ModelRegistered(modelKey=key, modelId=modelId, modelCID=modelCID, name=name, description=description)
    self._log_terms(key, modelId, defaultTerms)


@external
def updateModel(modelId: String[64], newModelCID: String[128]):
    """@notice Gives a model new content from the next job on; jobs that are under way keep the old."""
    ownership._only_owner()
    key: bytes32 = self._known(modelId)
    version: uint256 = self._models[key].version + 1
    assert version <= VERSIONS_MAX, "too many versions"
    self._key_of_cid[keccak256(self._cids[key][version - 1])] = empty(bytes32)
    self._bind(key, version, newModelCID)
    self._models[key].version = version
    self._models[key].timestamp = block.timestamp
    log ModelUpdated(modelKey=key, modelId=modelId, modelCID=newModelCID, version=version)


@external
def setActive(modelId: String[64], isActive: bool):
    """@notice Opens or closes a model to new jobs."""
    ownership._only_owner()
    key: bytes32 = self._known(modelId)
    self._models[key].isActive = isActive
    log ModelActivated(modelKey=key, modelId=modelId, isActive=isActive)


@external
def setPrices(modelId: String[64], pricePromptToken: uint256, priceCompletionToken: uint256):
    """@notice Sets what new jobs pay, in wei per token."""
    ownership._only_owner()
    key: bytes32 = self._known(modelId)
    terms: uint256 = self._pack(pricePromptToken, priceCompletionToken, self._models[key].terms & MASK_32)
    self._models[key].terms = terms
    self._log_terms(key, modelId, terms)


@external
def setMaxTokens(modelId: String[64], maxTokens: uint256):
    """@notice Sets the most completion tokens that one job may ask for."""
    ownership._only_owner()
    key: bytes32 = self._known(modelId)
    terms: uint256 = self._models[key].terms
    terms = self._pack((terms >> PROMPT) & MASK_96, terms >> COMPLETION, maxTokens)
    self._models[key].terms = terms
    self._log_terms(key, modelId, terms)


@external
@view
def getModel(modelId: String[64]) -> ModelInfo:
    """@notice What the registry knows of a model; reverts if it is unknown."""
    key: bytes32 = self._known(modelId)
    return ModelInfo(
        modelCID=self._cids[key][self._models[key].version],
        name=self._models[key].name,
        description=self._models[key].description,
        timestamp=self._models[key].timestamp,
        isActive=self._models[key].isActive,
    )


@external
@view
def getAllModels() -> DynArray[String[64], MODELS_MAX]:
    """@notice The ids of all models, in the order of their registration."""
    return self._ids


@external
@view
def getActiveModels() -> DynArray[String[64], MODELS_MAX]:
    """@notice The ids of the models that take new jobs."""
    active: DynArray[String[64], MODELS_MAX] = []
    for modelId: String[64] in self._ids:
        if self._models[keccak256(modelId)].isActive:
            active.append(modelId)
    return active


@external
@view
def modelTerms(modelId: String[64]) -> ModelTerms:
    """@notice What a job for this model is bound to now; reverts if the model is unknown."""
    key: bytes32 = self._known(modelId)
    version: uint256 = self._models[key].version
    terms: uint256 = self._models[key].terms
    return ModelTerms(
        modelCID=self._cids[key][version],
        version=version,
        pricePromptToken=(terms >> PROMPT) & MASK_96,
        priceCompletionToken=terms >> COMPLETION,
        maxTokens=terms & MASK_32,
        isActive=self._models[key].isActive,
    )


@external
@view
def modelIdOf(modelCID: String[128]) -> String[64]:
    """@notice The model whose content is `modelCID` now; reverts if there is none."""
    key: bytes32 = self._key_of_cid[keccak256(modelCID)]
    assert key != empty(bytes32), "unknown model CID"
    return self._models[key].modelId


@external
@view
def modelAt(modelKey: bytes32, version: uint256) -> (String[64], String[128]):
    """@notice Id and content of a model at one of its versions; reverts if there is none."""
    assert version != 0 and version <= self._models[modelKey].version, "unknown model"
    return self._models[modelKey].modelId, self._cids[modelKey][version]


@internal
@view
def _known(modelId: String[64]) -> bytes32:
    key: bytes32 = keccak256(modelId)
    assert self._models[key].version != 0, "unknown model"
    return key


@internal
def _bind(key: bytes32, version: uint256, modelCID: String[128]):
    """@dev One content, one model: otherwise a job by CID could not tell which it asks for."""
    assert len(modelCID) != 0, "empty model CID"
    digest: bytes32 = keccak256(modelCID)
    assert self._key_of_cid[digest] == empty(bytes32), "model CID in use"
    self._key_of_cid[digest] = key
    self._cids[key][version] = modelCID


@internal
def _log_terms(key: bytes32, modelId: String[64], terms: uint256):
    log ModelPriced(
        modelKey=key,
        modelId=modelId,
        pricePromptToken=(terms >> PROMPT) & MASK_96,
        priceCompletionToken=terms >> COMPLETION,
        maxTokens=terms & MASK_32,
    )


@internal
@pure
def _pack(pricePromptToken: uint256, priceCompletionToken: uint256, maxTokens: uint256) -> uint256:
    assert pricePromptToken <= MASK_96 and priceCompletionToken <= MASK_96, "price too high"
    assert maxTokens != 0 and maxTokens <= MASK_32, "max tokens out of range"
    return maxTokens | pricePromptToken << PROMPT | priceCompletionToken << COMPLETION
